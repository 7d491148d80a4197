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
  EXPECT_EQ(aws_login(settings_).error().kind(), ErrorKind::kInvalidInput);
}

}  // namespace
}  // namespace varve::storage
