#include "storage/aws_session.h"

#include <atomic>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "net/testing/server.h"
#include "storage/s3.h"
#include "storage/testing/helpers.h"
#include "storage/testing/set_clock.h"

namespace varve::storage {
namespace {

using net::testing::answer;
using net::testing::Server;
using testing::SetClock;
using Kind = AwsLogin::Kind;

constexpr const char* kNow = "Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n";

/// As a container's service and a machine's metadata give them, good for an hour by their own clock.
std::string keys_in_json(int number) {
  const auto n = std::to_string(number);
  return answer(200,
                R"({"Code":"Success","AccessKeyId":"A)" + n + R"(","SecretAccessKey":"hidden","Token":"T)" + n +
                    R"(","Expiration":"2027-01-15T09:00:00Z"})",
                kNow);
}

class AwsSessionTest : public ::testing::Test {
 protected:
  AwsSessionTest() : token_file_(folder_.path() + "/token") { std::ofstream(token_file_) << "e30.e30.sig\n"; }

  AwsLogin web_identity_at(const Server& server) const {
    return {.kind = Kind::kWebIdentity,
            .url = server.url() + "/",
            .role = "arn:aws:iam::1:role/shop",
            .session_name = "me",
            .token_file = token_file_};
  }

  testing::TemporaryFolder folder_;
  const std::string token_file_;
  SetClock clock_;
};

std::string key_of(const Result<AwsSession::Keys>& keys) {
  return keys ? (*keys)->access_key + '/' + (*keys)->session_token : keys.error().message();
}

TEST_F(AwsSessionTest, OfAWebIdentityIsARoleForAToken) {
  Server server([](const Server::Call&) {
    return answer(200,
                  "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                  "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>A1</AccessKeyId>"
                  "<SecretAccessKey>S1</SecretAccessKey><SessionToken>T1</SessionToken>"
                  "<Expiration>2027-01-15T09:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
                  "</AssumeRoleWithWebIdentityResponse>",
                  kNow);
  });
  AwsSession session(web_identity_at(server), {}, clock_);
  EXPECT_EQ(key_of(session.keys(nullptr, Cancel())), "A1/T1");
  const auto call = server.calls()[0];
  EXPECT_EQ(call.line(), "POST / HTTP/1.1");
  EXPECT_EQ(call.body,
            "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fshop&RoleSessionName=me&"
            "Version=2011-06-15&WebIdentityToken=e30.e30.sig");
  EXPECT_EQ(call.head.find("uthorization"), std::string::npos) << "nothing to sign it with";
}

TEST_F(AwsSessionTest, OfARoleIsTakenInTheNameOfOtherKeys) {
  Server server([](const Server::Call&) {
    return answer(200,
                  "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A1</AccessKeyId><SecretAccessKey>S1"
                  "</SecretAccessKey><SessionToken>T1</SessionToken></Credentials></AssumeRoleResult>"
                  "</AssumeRoleResponse>");
  });
  AwsSession session({.keys = {"A0", "S0", ""},
                      .region = "eu-west-1",
                      .kind = Kind::kRole,
                      .url = server.url() + "/",
                      .role = "arn",
                      .session_name = "me",
                      .external_id = "x"},
                     {}, clock_);
  EXPECT_EQ(key_of(session.keys(nullptr, Cancel())), "A1/T1");
  const auto call = server.calls()[0];
  EXPECT_EQ(call.body, "Action=AssumeRole&ExternalId=x&RoleArn=arn&RoleSessionName=me&Version=2011-06-15");
  EXPECT_NE(call.head.find("Credential=A0/20270115/eu-west-1/sts/aws4_request"), std::string::npos) << call.head;
}

TEST_F(AwsSessionTest, SaysWhyAWebIdentityIsRefusedWithoutSecrets) {
  std::string reply;
  Server server([&](const Server::Call&) { return reply; });
  AwsSession session(web_identity_at(server), {}, clock_);
  const auto complaint = [](const std::string& code, const std::string& message) {
    return "<ErrorResponse><Error><Code>" + code + "</Code><Message>" + message + "</Message></Error></ErrorResponse>";
  };
  struct Case {
    int status;
    std::string body;
    ErrorKind kind;
    const char* words;
  };
  for (const auto& [status, body, kind, words] :
       {Case{400, complaint("ExpiredTokenException", "ended"), ErrorKind::kDenied, "/token has ended"},
        Case{403, complaint("AccessDenied", "Not authorized"), ErrorKind::kDenied, "AccessDenied: Not authorized"},
        Case{400, complaint("InvalidIdentityToken", "e30.e30.sig is none"), ErrorKind::kDenied, "refused (400)"},
        Case{400, complaint("IDPCommunicationError", "x"), ErrorKind::kUnavailable, "IDPCommunicationError"},
        Case{500, "", ErrorKind::kUnavailable, "500"}, Case{200, "<html/>", ErrorKind::kUnavailable, "holds none"}}) {
    reply = answer(status, body);
    const auto keys = session.keys(nullptr, Cancel());
    ASSERT_FALSE(keys) << body;
    EXPECT_EQ(keys.error().kind(), kind) << body;
    EXPECT_NE(keys.error().message().find(words), std::string::npos) << keys.error().message();
    EXPECT_EQ(keys.error().message().find("e30"), std::string::npos) << keys.error().message();
  }
  std::ofstream(token_file_) << "";
  EXPECT_NE(key_of(session.keys(nullptr, Cancel())).find("holds no token"), std::string::npos);
}

TEST_F(AwsSessionTest, IsRenewedBeforeItEndsAndWhenItIsRefused) {
  std::atomic<int> given = 0;
  Server server([&](const Server::Call&) { return keys_in_json(++given); });
  AwsSession session({.kind = Kind::kContainer, .url = server.url() + "/keys", .token_file = token_file_}, {}, clock_);
  EXPECT_EQ(key_of(session.keys(nullptr, Cancel())), "A1/T1");
  EXPECT_NE(server.calls()[0].head.find("authorization: e30.e30.sig\r\n"), std::string::npos);
  std::ofstream(token_file_) << "another";
  clock_.go_on(3300);
  EXPECT_EQ(key_of(session.keys(nullptr, Cancel())), "A1/T1");
  clock_.go_on(100);
  const auto second = session.keys(nullptr, Cancel());
  EXPECT_EQ(key_of(second), "A2/T2");
  EXPECT_NE(server.calls()[1].head.find("authorization: another\r\n"), std::string::npos) << "read anew each time";
  EXPECT_EQ(key_of(session.keys(*second, Cancel())), "A3/T3");
  EXPECT_EQ(key_of(session.keys(*second, Cancel())), "A3/T3") << "who comes late with the old one";
}

TEST_F(AwsSessionTest, LastsByTheClockOfWhoeverGivesIt) {
  std::atomic<int> given = 0;
  Server server([&](const Server::Call&) { return keys_in_json(++given); });
  clock_.go_on(100 * 24 * 3600);  // this machine's is far ahead
  AwsSession session({.kind = Kind::kContainer, .url = server.url() + "/"}, {}, clock_);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(key_of(session.keys(nullptr, Cancel())), "A1/T1");
}

TEST_F(AwsSessionTest, OfAMachineComesFromItsMetadata) {
  Server server([](const Server::Call& call) {
    if (call.line() == "PUT /latest/api/token HTTP/1.1") return answer(200, "session");
    if (call.head.find("x-aws-ec2-metadata-token: session\r\n") == std::string::npos) return answer(401);
    return call.line() == "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1" ? answer(200, "shop\n")
                                                                                     : keys_in_json(1);
  });
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("no_proxy", "", 1);
  AwsSession session({.kind = Kind::kMetadata, .url = server.url()}, {}, clock_);
  EXPECT_EQ(key_of(session.keys(nullptr, Cancel())), "A1/T1");
  unsetenv("http_proxy");
  unsetenv("no_proxy");
  const auto calls = server.calls();
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_NE(calls[0].head.find("x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"), std::string::npos);
  EXPECT_EQ(calls[2].line(), "GET /latest/meta-data/iam/security-credentials/shop HTTP/1.1");
}

TEST_F(AwsSessionTest, TakesNoMachineForOneWithoutMetadataThatHasAnswered) {
  Server server(
      [](const Server::Call& call) { return call.line().starts_with("PUT") ? answer(200, "session") : std::string(); });
  AwsSession session({.kind = Kind::kMetadata, .url = server.url()}, {}, clock_);
  EXPECT_EQ(session.keys(nullptr, Cancel()).error().kind(), ErrorKind::kUnavailable);
}

TEST_F(AwsSessionTest, SaysThatAMachineHasNone) {
  AwsSession nowhere({.kind = Kind::kMetadata, .url = "http://127.0.0.1:1"}, {}, clock_);
  const auto none = nowhere.keys(nullptr, Cancel()).error();
  EXPECT_EQ(none.kind(), ErrorKind::kDenied);
  EXPECT_NE(none.message().find("there is no login for S3"), std::string::npos);
  Server server(
      [](const Server::Call& call) { return call.line().starts_with("PUT") ? answer(200, "session") : answer(404); });
  AwsSession without_role({.kind = Kind::kMetadata, .url = server.url()}, {}, clock_);
  EXPECT_NE(key_of(without_role.keys(nullptr, Cancel())).find("metadata give none (404)"), std::string::npos);
}

TEST_F(AwsSessionTest, TakesNothingForKeysThatIsNone) {
  std::string reply;
  Server server([&](const Server::Call&) { return reply; });
  AwsSession session({.kind = Kind::kContainer, .url = server.url() + "/", .token = "hidden"}, {}, clock_);
  for (const auto& body : {std::string(), std::string("x"), std::string("{}"), std::string(R"({"AccessKeyId":7})"),
                           std::string(R"({"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"soon"})"),
                           std::string(R"({"AccessKeyId":"A\r\nx: y","SecretAccessKey":"S"})")}) {
    reply = answer(200, body);
    EXPECT_EQ(session.keys(nullptr, Cancel()).error().kind(), ErrorKind::kUnavailable) << body;
  }
  reply = answer(403, R"({"code":"AccessDenied","message":"hidden is wrong"})");
  const auto denied = session.keys(nullptr, Cancel()).error();
  EXPECT_EQ(denied.kind(), ErrorKind::kDenied);
  EXPECT_EQ(denied.message().find("hidden"), std::string::npos) << denied.message();
}

TEST_F(AwsSessionTest, GivesWhatWasGivenAndNoOther) {
  AwsSession session({.keys = {"A", "S", "T"}}, {}, clock_);
  const auto keys = session.keys(nullptr, Cancel());
  EXPECT_EQ(key_of(keys), "A/T");
  EXPECT_EQ(*session.keys(*keys, Cancel()), *keys);
}

TEST_F(AwsSessionTest, IsRenewedWhereTheStorageTakesItNoMore) {
  std::atomic<int> given = 0;
  Server service([&](const Server::Call&) { return keys_in_json(++given); });
  Server server([](const Server::Call& call) {
    if (call.head.find("x-amz-security-token: T2\r\n") == std::string::npos) {
      return answer(400, "<Error><Code>ExpiredToken</Code></Error>");
    }
    return answer(200);
  });
  S3Storage storage(*S3Place::parse(server.url() + "/bucket"), {.kind = Kind::kContainer, .url = service.url() + "/"},
                    {}, 1);
  EXPECT_TRUE(testing::put(storage, testing::handle_for(FileType::kPack, as_bytes("x")), as_bytes("x")));
  EXPECT_EQ(given, 2);
}

TEST_F(AwsSessionTest, IsNamedWhereItMayNot) {
  Server service([&](const Server::Call&) { return keys_in_json(1); });
  Server server([](const Server::Call&) { return answer(403, "<Error><Code>AccessDenied</Code></Error>"); });
  S3Storage storage(*S3Place::parse(server.url() + "/bucket"), {.kind = Kind::kContainer, .url = service.url() + "/"},
                    {}, 1);
  const auto denied = testing::put(storage, testing::kConfig, as_bytes("x")).error();
  EXPECT_EQ(denied.hints().back(), "the keys are those that the container's service gives");
}

}  // namespace
}  // namespace varve::storage
