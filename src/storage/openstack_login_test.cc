#include "storage/openstack_login.h"

#include <fstream>

#include <gtest/gtest.h>

#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

OpenstackSettings of_user(const std::string& url) {
  OpenstackSettings settings;
  settings.variables.auth_url = url;
  settings.variables.user = "me";
  settings.variables.password = "s3cret";
  return settings;
}

std::string refused(const OpenstackSettings& settings) {
  const auto login = openstack_login(settings);
  if (login) return "taken";
  EXPECT_EQ(login.error().kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(login.error().message().find("s3cret"), std::string::npos);
  return login.error().message();
}

TEST(OpenstackLogin, TakesTheVersionFromTheUrl) {
  const std::tuple<const char*, const char*, const char*> urls[] = {
      {"https://host/v3", "3", "https://host/v3"},
      {"https://host:5000/v3/", "3", "https://host:5000/v3"},
      {"https://host/identity/v2.0", "2", "https://host/identity/v2.0"},
      {"http://host/auth/v1.0", "1", "http://host/auth/v1.0"},
      {"http://v1.host/", "3", "http://v1.host/v3"},
      {"https://host/identity", "3", "https://host/identity/v3"}};
  for (const auto& [url, version, completed] : urls) {
    const auto login = openstack_login(of_user(url));
    ASSERT_TRUE(login) << url;
    EXPECT_EQ(login->version, version) << url;
    EXPECT_EQ(login->auth_url, completed);
  }
}

TEST(OpenstackLogin, TakesTheVersionThatIsNamedWhereTheUrlHasNone) {
  auto settings = of_user("http://host/auth");
  settings.variables.version = "1";
  EXPECT_EQ(openstack_login(settings)->auth_url, "http://host/auth");
  settings.variables.version = "v2.0";
  EXPECT_EQ(openstack_login(settings)->auth_url, "http://host/auth/v2.0");
  settings.variables.version = "4";
  EXPECT_NE(refused(settings).find("none of 1, 2 and 3"), std::string::npos);
}

TEST(OpenstackLogin, SaysWhatIsMissing) {
  EXPECT_EQ(refused({}), "there is no login for Swift");
  auto settings = of_user("https://host/v3");
  settings.variables.password = "";
  EXPECT_EQ(refused(settings), "the login for Swift has no password");
  settings.variables.user = "";
  EXPECT_EQ(refused(settings), "the login for Swift names no user");
  settings.variables.user_id = "1";
  settings.variables.password = "s3cret";
  EXPECT_EQ(refused(settings), "taken");
  EXPECT_NE(refused(of_user("host/v3")).find("is no URL"), std::string::npos);
  EXPECT_NE(refused(of_user("https://me:s3cret@host/v3")).find("is no URL"), std::string::npos);
}

TEST(OpenstackLogin, KnowsApplicationCredentials) {
  OpenstackSettings settings;
  settings.variables.auth_url = "https://host/v3";
  settings.variables.application_name = "backup";
  EXPECT_NE(refused(settings).find("the secret of the application credential is missing"), std::string::npos);
  settings.variables.application_secret = "s3cret";
  EXPECT_NE(refused(settings).find("needs the user"), std::string::npos);
  settings.variables.user = "me";
  EXPECT_EQ(refused(settings), "taken");
  settings.variables.auth_url = "https://host/v2.0";
  EXPECT_NE(refused(settings).find("need version 3"), std::string::npos);
}

TEST(OpenstackLogin, TakesATokenBeforeAll) {
  auto settings = of_user("https://host/v3");
  settings.variables.storage_url = "https://store/v1/AUTH_1/";
  EXPECT_TRUE(openstack_login(settings)->storage_url.empty()) << "half of a pair is none";
  settings.variables.token = "s3cret";
  EXPECT_EQ(openstack_login(settings)->storage_url, "https://store/v1/AUTH_1");
  settings.variables.storage_url = "store";
  EXPECT_NE(refused(settings).find("OS_STORAGE_URL"), std::string::npos);
}

TEST(OpenstackLogin, RenewsATokenByAWholeLoginOnly) {
  auto settings = of_user("https://host/identity/v2.0/");
  settings.variables.storage_url = "https://store/v1/AUTH_1";
  settings.variables.token = "s3cret";
  const auto whole = openstack_login(settings);
  EXPECT_EQ(whole->auth_url, "https://host/identity/v2.0");
  EXPECT_EQ(whole->version, "2");
  EXPECT_EQ(whole->token, "s3cret");
  settings.variables.auth_url = "https://me:s3cret@host/v3";
  EXPECT_NE(refused(settings).find("is no URL"), std::string::npos);
  settings.variables.auth_url = "https://host/v3";
  settings.variables.password = "";
  const auto half = openstack_login(settings);
  EXPECT_EQ(half->auth_url, "");
  EXPECT_EQ(half->token, "s3cret");
}

class CloudsYaml : public ::testing::Test {
 protected:
  void SetUp() override {
    settings_.cloud = "shop";
    settings_.cloud_files = {folder_.path() + "/none", folder_.path() + "/clouds.yaml"};
    settings_.secret_files = {folder_.path() + "/secure.yaml"};
  }
  void write(const char* name, const char* text) { std::ofstream(folder_.path() + '/' + name) << text; }

  testing::TemporaryFolder folder_;
  OpenstackSettings settings_;
};

TEST_F(CloudsYaml, HoldsAllPartsOfALogin) {
  write("clouds.yaml", R"(
# ours
common: &common {user_domain_name: Users, "project_domain_id": p1}
clouds:
  other:
    auth: {auth_url: https://other/v3}
  shop:
    region_name: here
    interface: internal
    identity_api_version: 3
    verify: false
    regions: [here, there]
    auth:
      <<: *common
      auth_url: https://host:5000
      username: 'it''s me'
      password: "over\x72idden"
      project_id: 0123
      user_domain_name: Ours
)");
  write("secure.yaml", "clouds: {shop: {auth: {password: 'se: cret'}}}\n");
  const auto login = openstack_login(settings_);
  ASSERT_TRUE(login) << login.error().message();
  EXPECT_EQ(login->auth_url, "https://host:5000/v3");
  EXPECT_EQ(login->user, "it's me");
  EXPECT_EQ(login->password, "se: cret");
  EXPECT_EQ(login->project_id, "0123") << "as it is written";
  EXPECT_EQ(login->user_domain, "Ours");
  EXPECT_EQ(login->region, "here");
  EXPECT_EQ(login->interface, "internal");
  settings_.variables.region = "there";
  EXPECT_EQ(openstack_login(settings_)->region, "there");
}

TEST_F(CloudsYaml, IsNotAskedWhereAVariableNamesThePlace) {
  settings_.variables = of_user("https://host/v3").variables;
  EXPECT_EQ(openstack_login(settings_)->auth_url, "https://host/v3");
}

TEST_F(CloudsYaml, IsMissedWithASentence) {
  EXPECT_NE(refused(settings_).find("no clouds.yaml for the cloud \"shop\""), std::string::npos);
  for (const char* text : {"", "clouds:", "clouds: [shop]", "clouds: {other: {}}", "clouds: {shop: x}", "- 1"}) {
    write("clouds.yaml", text);
    EXPECT_NE(refused(settings_).find("there is no cloud \"shop\" in "), std::string::npos) << text;
  }
  write("clouds.yaml", "clouds: {shop: {auth: [s3cret]}}");
  EXPECT_EQ(refused(settings_), "there is no login for Swift");
}

TEST_F(CloudsYaml, IsNotQuotedWhereItIsBadlyWritten) {
  for (const char* text : {"clouds:\n  shop: {password: s3cret", "clouds:\n\tshop: s3cret", "a: &x\nb: *s3cret\n"}) {
    write("clouds.yaml", text);
    EXPECT_NE(refused(settings_).find("is not well written YAML"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace varve::storage
