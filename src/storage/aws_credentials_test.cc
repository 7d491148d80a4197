#include "storage/aws_credentials.h"

#include <fstream>

#include <gtest/gtest.h>

#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

class AwsLoginTest : public ::testing::Test {
 protected:
  void SetUp() override {
    settings_.credentials_file = folder_.path() + "/credentials";
    settings_.config_file = folder_.path() + "/config";
    std::ofstream(settings_.credentials_file) << "# keys\n[default]\naws_access_key_id = AK1\n"
                                                 "aws_secret_access_key=S/1=\r\n\n[shop]\naws_access_key_id=AK2\n"
                                                 "aws_secret_access_key=S2\naws_session_token=T2\n"
                                                 "[half]\naws_access_key_id=AK3\n";
    std::ofstream(settings_.config_file) << "[default]\nregion = eu-west-1\n[profile shop]\nregion=eu-north-1\ns3 =\n"
                                            "  region = nested\n[profile inside]\naws_access_key_id=AK4\n"
                                            "aws_secret_access_key=S4\n";
  }
  AwsLogin login(const std::string& profile) {
    settings_.profile = profile;
    const auto login = aws_login(settings_);
    EXPECT_TRUE(login) << login.error().message();
    return login.value_or(AwsLogin{});
  }

  testing::TemporaryFolder folder_;
  AwsSettings settings_;
};

TEST_F(AwsLoginTest, IsTheDefaultProfile) {
  const auto found = login("");
  EXPECT_EQ(found.keys.access_key, "AK1");
  EXPECT_EQ(found.keys.secret_key, "S/1=");
  EXPECT_EQ(found.region, "eu-west-1");
}

TEST_F(AwsLoginTest, IsTheProfileThatIsNamed) {
  EXPECT_EQ(login("shop").keys.session_token, "T2");
  EXPECT_EQ(login("shop").region, "eu-north-1");
  EXPECT_EQ(login("inside").keys.secret_key, "S4");
}

TEST_F(AwsLoginTest, IsWhatWasGivenBeforeAnyFile) {
  settings_.keys = {"AK9", "S9", ""};
  settings_.region = "us-west-2";
  EXPECT_EQ(login("").keys.access_key, "AK9");
  EXPECT_EQ(login("").region, "us-west-2");
}

TEST_F(AwsLoginTest, IsNeverHalfALogin) {
  settings_.profile = "half";
  EXPECT_NE(aws_login(settings_).error().message().find("the secret key is missing"), std::string::npos);
  settings_.profile = "none";
  EXPECT_NE(aws_login(settings_).error().message().find("no profile \"none\""), std::string::npos);
  settings_.credentials_file = settings_.config_file = "/nowhere";
  settings_.profile.clear();
  settings_.metadata_disabled = true;
  EXPECT_EQ(aws_login(settings_).error().kind(), ErrorKind::kInvalidInput);
  settings_.role_arn = "arn:aws:iam::1:role/shop";  // which others may be meant to take
  EXPECT_EQ(aws_login(settings_).error().message(), "there is no login for S3");
  settings_.role_arn.clear();
  settings_.web_identity_token_file = "/token";
  EXPECT_NE(aws_login(settings_).error().message().find("half of a web identity"), std::string::npos);
}

class AwsServices : public AwsLoginTest {
 protected:
  AwsServices() { settings_.role_session_name = "me"; }
  AwsLogin without_files() {
    settings_.credentials_file = settings_.config_file = "/nowhere";
    return login("");
  }
  void with_role() {
    settings_.web_identity_token_file = "/token";
    settings_.role_arn = "arn:aws:iam::1:role/shop";
  }
  std::string refusal() {
    const auto found = aws_login(settings_);
    return found ? "" : found.error().message();
  }
};

TEST_F(AwsServices, ComeAfterKeysAndProfilesInTheirOrder) {
  with_role();
  settings_.container_relative_uri = "/v2/keys";
  EXPECT_EQ(login("").kind, AwsLogin::Kind::kKeys);
  EXPECT_EQ(without_files().kind, AwsLogin::Kind::kWebIdentity);
  settings_.web_identity_token_file = settings_.role_arn = "";
  const auto container = without_files();
  EXPECT_EQ(container.kind, AwsLogin::Kind::kContainer);
  EXPECT_EQ(container.url, "http://169.254.170.2/v2/keys");
  settings_.container_relative_uri = "";
  EXPECT_EQ(without_files().kind, AwsLogin::Kind::kMetadata);
  EXPECT_EQ(without_files().url, "http://169.254.169.254");
  settings_.metadata_over_ipv6 = true;
  EXPECT_EQ(without_files().url, "http://[fd00:ec2::254]");
  settings_.metadata_endpoint = "http://127.0.0.1:7/";
  EXPECT_EQ(without_files().url, "http://127.0.0.1:7");
}

TEST_F(AwsServices, OfAWebIdentityAreTheRegions) {
  with_role();
  EXPECT_EQ(without_files().url, "https://sts.amazonaws.com/");
  settings_.region = "eu-north-1";
  EXPECT_EQ(without_files().url, "https://sts.eu-north-1.amazonaws.com/");
  settings_.region = "cn-north-1";
  EXPECT_EQ(without_files().url, "https://sts.cn-north-1.amazonaws.com.cn/");
  settings_.region = "evil.example/";
  EXPECT_NE(refusal().find("no name of a region"), std::string::npos);
  settings_.sts_endpoint = "http://127.0.0.1:7";
  EXPECT_EQ(without_files().url, "http://127.0.0.1:7/");
  EXPECT_EQ(without_files().session_name, "me");
}

TEST_F(AwsServices, OfAProfile) {
  std::ofstream(settings_.config_file, std::ios::app)
      << "[profile web]\nrole_arn=arn\nweb_identity_token_file=/t\n[profile role]\nrole_arn=arn\nregion=eu-west-3\n"
         "source_profile=shop\nexternal_id=x\n[profile none]\nrole_arn=arn\nsource_profile=web\n"
         "[profile program]\ncredential_process=/bin/true\n";
  const auto web = login("web");
  EXPECT_EQ(web.kind, AwsLogin::Kind::kWebIdentity);
  EXPECT_EQ(web.token_file, "/t");
  EXPECT_EQ(web.session_name, "varve");
  const auto role = login("role");
  EXPECT_EQ(role.kind, AwsLogin::Kind::kRole);
  EXPECT_EQ(role.keys.session_token, "T2");
  EXPECT_EQ(role.url, "https://sts.eu-west-3.amazonaws.com/");
  EXPECT_EQ(role.external_id, "x");
  settings_.profile = "none";
  EXPECT_NE(refusal().find("keys of profile \"web\", which holds none itself"), std::string::npos) << refusal();
  settings_.profile = "program";
  EXPECT_NE(refusal().find("by credential_process, which varve does not know"), std::string::npos) << refusal();
}

TEST_F(AwsServices, OfAProfileMixNoKeysOfTwoFiles) {
  std::ofstream(settings_.config_file, std::ios::app) << "[profile half]\naws_secret_access_key=S9\n"
                                                         "[profile shop]\naws_session_token=other\n";
  settings_.profile = "half";
  EXPECT_NE(refusal().find("the secret key is missing"), std::string::npos);
  EXPECT_EQ(login("shop").keys.session_token, "T2");
}

TEST_F(AwsServices, OfAContainerAreNearOrHaveTls) {
  settings_.credentials_file = settings_.config_file = "/nowhere";
  for (const char* url : {"https://keys.example/x", "http://127.0.0.1:7/x", "http://localhost/x", "http://[::1]:7/x",
                          "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1/credentials"}) {
    settings_.container_full_uri = url;
    EXPECT_EQ(login("").url, url);
  }
  for (const char* url : {"http://keys.example/x", "http://127.0.0.1.evil.example/", "http://localhost.evil.example/",
                          "http://localhost@evil.example/", "ftp://localhost/", "localhost", "http:///x"}) {
    settings_.container_full_uri = url;
    EXPECT_NE(refusal().find("are not to be taken from"), std::string::npos) << url;
  }
}

}  // namespace
}  // namespace varve::storage
