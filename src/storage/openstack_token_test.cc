#include "storage/openstack_token.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

namespace varve::storage {
namespace {

using Json = nlohmann::json;

OpenstackLogin third() {
  OpenstackLogin login;
  login.version = "3";
  login.auth_url = "https://host/v3";
  login.user = "me";
  login.password = "secret";
  return login;
}

Json asked(const OpenstackLogin& login) {
  return Json::parse(token_request(login).body);
}

TEST(TokenRequest, IsTwoHeadersInVersion1) {
  OpenstackLogin login;
  login.version = "1";
  login.auth_url = "http://host/auth/v1.0";
  login.user = "shop:me";
  login.password = "secret";
  const auto request = token_request(login);
  EXPECT_EQ(request.method + ' ' + request.url, "GET http://host/auth/v1.0");
  ASSERT_EQ(request.headers.size(), 2u);
  EXPECT_EQ(request.headers[0].name + ": " + request.headers[0].value, "x-auth-user: shop:me");
  EXPECT_EQ(request.headers[1].name + ": " + request.headers[1].value, "x-auth-key: secret");
  EXPECT_TRUE(request.body.empty());
}

TEST(TokenRequest, NamesTheTenantInVersion2) {
  auto login = third();
  login.version = "2";
  login.auth_url = "https://host/v2.0";
  login.project = "shop";
  EXPECT_EQ(token_request(login).url, "https://host/v2.0/tokens");
  EXPECT_EQ(asked(login), Json::parse(R"({"auth": {"tenantName": "shop", "passwordCredentials": {"username": "me",
                                          "password": "secret"}}})"));
  login.project_id = "17";
  EXPECT_EQ(asked(login)["auth"]["tenantId"], "17");
  EXPECT_FALSE(asked(login)["auth"].contains("tenantName"));
}

TEST(TokenRequest, IsAPasswordAndAProjectInVersion3) {
  auto login = third();
  login.project = "shop";
  login.user_domain = "Users";
  EXPECT_EQ(token_request(login).url, "https://host/v3/auth/tokens");
  EXPECT_EQ(asked(login), Json::parse(R"({"auth": {
      "identity": {"methods": ["password"], "password": {"user": {"name": "me", "domain": {"name": "Users"},
                                                                  "password": "secret"}}},
      "scope": {"project": {"name": "shop", "domain": {"name": "Users"}}}}})"));
  login.project_domain_id = "p1";
  login.user_id = "u1";
  EXPECT_EQ(asked(login)["auth"]["scope"]["project"]["domain"], Json::parse(R"({"id": "p1"})"));
  EXPECT_EQ(asked(login)["auth"]["identity"]["password"]["user"], Json::parse(R"({"id": "u1", "password": "secret"})"));
  login.project_id = "17";
  EXPECT_EQ(asked(login)["auth"]["scope"], Json::parse(R"({"project": {"id": "17"}})"));
  login.trust_id = "t1";
  EXPECT_EQ(asked(login)["auth"]["scope"], Json::parse(R"({"OS-TRUST:trust": {"id": "t1"}})"));
}

TEST(TokenRequest, IsOfTheDefaultDomainWhereNobodySaysAnother) {
  auto login = third();
  EXPECT_EQ(asked(login)["auth"]["identity"]["password"]["user"]["domain"], Json::parse(R"({"id": "default"})"));
  EXPECT_FALSE(asked(login)["auth"].contains("scope"));
}

TEST(TokenRequest, IsAnApplicationCredential) {
  auto login = third();
  login.application_name = "backup";
  login.application_secret = "secret";
  login.project = "has one of its own";
  EXPECT_EQ(asked(login), Json::parse(R"({"auth": {"identity": {"methods": ["application_credential"],
      "application_credential": {"name": "backup", "secret": "secret",
                                 "user": {"name": "me", "domain": {"id": "default"}}}}}})"));
  login.application_id = "a1";
  EXPECT_EQ(asked(login)["auth"]["identity"]["application_credential"],
            Json::parse(R"({"id": "a1", "secret": "secret"})"));
}

TEST(TokenRequest, TakesAPasswordOfAnyBytes) {
  auto login = third();
  login.password = "\xff\"\\";
  EXPECT_FALSE(token_request(login).body.empty());
}

net::Response answered(int status, const std::string& body, std::vector<net::Header> headers = {}) {
  return {.status = status, .headers = std::move(headers), .body = to_bytes(as_bytes(body))};
}

// As Keystone 22 answers, without what is not read.
const std::string kCatalogue = R"({"token": {"methods": ["password"], "expires_at": "2026-11-27T22:00:00.000000Z",
  "issued_at": "2026-11-27T21:00:00.000000Z", "catalog": [
  {"type": "identity", "name": "keystone", "endpoints": [{"interface": "public", "region": "here", "url": "https://id/v3"}]},
  {"type": "object-store", "name": "swift", "endpoints": [
    {"id": "1", "interface": "admin", "region": "here", "region_id": "here", "url": "https://admin/v1"},
    {"id": "2", "interface": "public", "region": "here", "region_id": "here", "url": "https://here/v1/AUTH_17/"},
    {"id": "3", "interface": "public", "region": "There", "region_id": "there", "url": "https://there/v1/AUTH_17"},
    {"id": "4", "interface": "internal", "region_id": "there", "url": "http://inside/v1/AUTH_17"}]}]}})";

net::Response catalogue() {
  return answered(201, kCatalogue, {{"x-subject-token", "gAAA"}, {"date", "Fri, 27 Nov 2026 21:00:00 GMT"}});
}

TEST(ReadToken, ChoosesTheRegionAndTheInterface) {
  auto login = third();
  const auto first = read_token(login, catalogue());
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->storage_url, "https://here/v1/AUTH_17");
  EXPECT_EQ(first->token, "gAAA");
  EXPECT_EQ(first->lifetime, std::chrono::hours(1)) << "by the server's clock";
  for (const char* region : {"There", "there"}) {
    login.region = region;
    EXPECT_EQ(read_token(login, catalogue())->storage_url, "https://there/v1/AUTH_17");
  }
  login.interface = "internalURL";
  EXPECT_EQ(read_token(login, catalogue())->storage_url, "http://inside/v1/AUTH_17");
}

TEST(ReadToken, NamesTheRegionsThatThereAre) {
  auto login = third();
  login.region = "nowhere";
  const auto token = read_token(login, catalogue());
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().kind(), ErrorKind::kInvalidInput);
  EXPECT_NE(token.error().hints().at(0).find("there are: There, here, there"), std::string::npos);
}

TEST(ReadToken, SaysThatThereIsNoObjectStore) {
  const auto token = read_token(third(), answered(201, R"({"token": {}})", {{"x-subject-token", "gAAA"}}));
  ASSERT_FALSE(token);
  EXPECT_NE(token.error().message().find("has no object store"), std::string::npos);
}

TEST(ReadToken, ReadsTheCatalogueOfVersion2) {
  auto login = third();
  login.version = "2";
  const auto answer = answered(200, R"({"access": {"token": {"id": "T2", "expires": "2026-11-27T21:30:00Z"},
    "serviceCatalog": [{"type": "compute", "endpoints": [{"publicURL": "https://no"}]},
                       {"type": "object-store", "endpoints": [{"region": "a", "publicURL": "https://a/v1/AUTH_1"},
                                                              {"region": "b", "publicURL": "https://b/v1/AUTH_1"}]}]}})",
                               {{"date", "Fri, 27 Nov 2026 21:00:00 GMT"}});
  EXPECT_EQ(read_token(login, answer)->storage_url, "https://a/v1/AUTH_1");
  login.region = "b";
  const auto token = read_token(login, answer);
  EXPECT_EQ(token->storage_url, "https://b/v1/AUTH_1");
  EXPECT_EQ(token->token, "T2");
  EXPECT_EQ(token->lifetime, std::chrono::minutes(30));
}

TEST(ReadToken, ReadsTheHeadersOfVersion1) {
  auto login = third();
  login.version = "1";
  const auto token = read_token(login, answered(200, "",
                                                {{"x-storage-url", "http://host/v1/AUTH_shop"},
                                                 {"x-auth-token", "T1"},
                                                 {"x-auth-token-expires", "90"}}));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->storage_url, "http://host/v1/AUTH_shop");
  EXPECT_EQ(token->token, "T1");
  EXPECT_EQ(token->lifetime, std::chrono::seconds(90));
  EXPECT_FALSE(read_token(login, answered(204, "", {{"x-storage-url", "http://h/"}, {"x-auth-token", "T"}}))->lifetime);
}

TEST(ReadToken, BelievesNoAnswerThatIsNone) {
  for (const char* version : {"1", "2", "3"}) {
    auto login = third();
    login.version = version;
    for (const std::string body : {"", "<html/>", "[]", "{}", R"({"token": 1, "access": 1})",
                                   R"({"token": {"catalog":)", R"({"access": {"token": []}})"}) {
      const auto token = read_token(login, answered(200, body, {{"x-subject-token", "secret"}}));
      ASSERT_FALSE(token) << body;
      EXPECT_EQ(token.error().kind(), ErrorKind::kUnavailable) << body;
      EXPECT_EQ(token.error().message().find("secret"), std::string::npos);
    }
  }
  for (const std::string catalog :
       {"1", R"("x")", R"([1, {"type": 1}])", R"([{"type": "object-store", "endpoints": 1}])",
        R"([{"type": "object-store", "endpoints": [1, {"interface": "public"}]}])"}) {
    const auto token =
        read_token(third(), answered(201, R"({"token": {"catalog": )" + catalog + "}}", {{"x-subject-token", "T"}}));
    EXPECT_FALSE(token) << catalog;
  }
}

TEST(ReadToken, TakesNoUrlThatIsNone) {
  auto login = third();
  login.version = "1";
  for (const char* url : {"", "/v1/AUTH_1", "file:///etc/passwd", "http://"}) {
    EXPECT_FALSE(read_token(login, answered(200, "", {{"x-storage-url", url}, {"x-auth-token", "T"}}))) << url;
  }
}

TEST(ReadToken, SaysWhyThereIsNone) {
  const auto kind = [](int status) { return read_token(third(), answered(status, "secret")).error().kind(); };
  EXPECT_EQ(kind(401), ErrorKind::kDenied);
  EXPECT_EQ(kind(403), ErrorKind::kDenied);
  EXPECT_EQ(kind(404), ErrorKind::kInvalidInput);
  EXPECT_EQ(kind(300), ErrorKind::kInvalidInput);
  EXPECT_EQ(kind(503), ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace varve::storage
