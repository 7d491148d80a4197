#include "cli/storage_options.h"

#include <cstdlib>
#include <map>

#include <gtest/gtest.h>

#include "cli/output.h"
#include "storage/open.h"

namespace varve::cli {
namespace {

class SetVariables {
 public:
  explicit SetVariables(std::map<std::string, std::string> variables) : variables_(std::move(variables)) {
    for (const auto& [name, value] : variables_) setenv(name.c_str(), value.c_str(), 1);
  }
  ~SetVariables() {
    for (const auto& [name, value] : variables_) unsetenv(name.c_str());
  }
  SetVariables(const SetVariables&) = delete;
  SetVariables& operator=(const SetVariables&) = delete;

 private:
  const std::map<std::string, std::string> variables_;
};

storage::OpenOptions options_of(const std::string& prefix) {
  Output output;
  return *storage_options({}, prefix, output);
}

TEST(StorageOptions, MixNoPartsOfTwoLogins) {
  const SetVariables common({{"AZURE_ACCOUNT_NAME", "first"},
                             {"AZURE_ACCOUNT_KEY", "a2V5"},
                             {"AWS_ACCESS_KEY_ID", "first"},
                             {"OS_USERNAME", "first"},
                             {"GOOGLE_ACCESS_TOKEN", "first"},
                             {"RESTIC_REST_USERNAME", "first"}});
  {
    const SetVariables own({{"RESTIC_FROM_AZURE_ACCOUNT_SAS", "sig=x"},
                            {"RESTIC_FROM_AWS_SESSION_TOKEN", "other"},
                            {"RESTIC_FROM_OS_PASSWORD", "other"},
                            {"RESTIC_FROM_REST_PASSWORD", "other"}});
    const auto other = options_of("FROM_");
    EXPECT_EQ(other.azure.account + other.azure.key, "");
    EXPECT_EQ(other.azure.sas, "sig=x");
    EXPECT_EQ(other.aws.keys.access_key, "");
    EXPECT_EQ(other.aws.keys.session_token, "other");
    EXPECT_EQ(other.openstack.variables.user, "");
    EXPECT_EQ(other.openstack.variables.password, "other");
    EXPECT_EQ(other.rest_user, "");
    EXPECT_EQ(other.rest_password, "other");
    EXPECT_EQ(other.google.access_token, "first") << "of which it has none for itself";
    EXPECT_EQ(options_of("").azure.account, "first");
  }
  EXPECT_EQ(options_of("FROM_").azure.account, "first");
}

TEST(StorageOptions, AFileWithLoginsIsOneRepositorysOwn) {
  const SetVariables both({{"AWS_ACCESS_KEY_ID", "first"},
                           {"RESTIC_FROM_AWS_SHARED_CREDENTIALS_FILE", "/other/credentials"},
                           {"OS_USERNAME", "first"},
                           {"RESTIC_FROM_OS_CLIENT_CONFIG_FILE", "/other/clouds.yaml"},
                           {"RESTIC_FROM_OS_CLOUD", "other"}});
  const auto other = options_of("FROM_");
  EXPECT_EQ(other.aws.keys.access_key, "");
  EXPECT_EQ(other.aws.credentials_file, "/other/credentials");
  EXPECT_EQ(other.openstack.variables.user, "");
  EXPECT_EQ(other.openstack.cloud_files.front(), "/other/clouds.yaml");
  EXPECT_EQ(options_of("").aws.keys.access_key, "first");
}

}  // namespace
}  // namespace varve::cli
