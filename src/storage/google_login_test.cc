#include "storage/google_login.h"

#include <fstream>

#include <gtest/gtest.h>

#include "storage/testing/helpers.h"
#include "storage/testing/rsa_key.h"

namespace varve::storage {
namespace {

using Kind = GoogleLogin::Kind;

class GoogleLogins : public ::testing::Test {
 protected:
  std::string file(const std::string& text) {
    const std::string path = folder_.path() + "/" + std::to_string(++files_);
    std::ofstream(path) << text;
    return path;
  }
  const testing::TemporaryFolder folder_;
  int files_ = 0;
};

TEST_F(GoogleLogins, AreTakenInTheOrderOfGooglesOwnTools) {
  const auto user = file(R"({"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r"})");
  const auto service = file(testing::service_account("https://oauth2.googleapis.com/token"));
  EXPECT_EQ(google_login({.access_token = "t", .credentials_file = service, .emulator = "host:1"})->kind, Kind::kNone);
  EXPECT_EQ(google_login({.access_token = "t", .credentials_file = service})->token, "t");
  const auto account = google_login({.credentials_file = service, .well_known_file = user});
  ASSERT_TRUE(account) << account.error().message();
  EXPECT_EQ(account->kind, Kind::kServiceAccount);
  EXPECT_EQ(account->email, "shop@project.example");
  const auto by_user = google_login({.well_known_file = user});
  EXPECT_EQ(by_user->kind, Kind::kUser);
  EXPECT_EQ(by_user->token_url, "https://oauth2.googleapis.com/token");
  const auto machine = google_login({.well_known_file = "/nowhere/at/all"});
  EXPECT_EQ(machine->kind, Kind::kMetadata);
  EXPECT_EQ(machine->token_url,
            "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token");
}

TEST_F(GoogleLogins, SayWhatIsWrongAndNoSecret) {
  const std::pair<std::string, const char*> wrong[] = {
      {file("hidden"), "is no JSON"},
      {file("[]"), "is no JSON"},
      {file(R"({"type":"external_account"})"), "which is not supported"},
      {file(R"({"type":"service_account","client_email":"a@b","private_key":"hidden"})"), "no private_key that is one"},
      {file(testing::service_account("http://hidden/token")), "without TLS"},
      {file(testing::service_account("http://127.0.0.1:80@hidden/token")), "without TLS"},
      {file(testing::service_account("http://127.0.0.1:80.hidden/token")), "without TLS"},
      {file(testing::service_account("https://host@hidden/token")), "without TLS"},
      {file(R"({"type":"authorized_user","client_secret":"hidden"})"), "no refresh_token"},
      {"/nowhere/at/all", "cannot read"}};
  for (const auto& [path, words] : wrong) {
    const auto login = google_login({.credentials_file = path});
    ASSERT_FALSE(login) << words;
    EXPECT_NE(login.error().message().find(words), std::string::npos) << login.error().message();
    EXPECT_EQ(login.error().message().find("hidden"), std::string::npos) << login.error().message();
    EXPECT_FALSE(login.error().hints().empty());
  }
  EXPECT_EQ(google_login({.access_token = "two\nlines"}).error().kind(), ErrorKind::kInvalidInput);
}

TEST(GoogleEndpoint, IsTheEmulatorsWhereThereIsOne) {
  EXPECT_EQ(google_endpoint({}), "https://storage.googleapis.com");
  EXPECT_EQ(google_endpoint({.emulator = "127.0.0.1:4443"}), "http://127.0.0.1:4443");
  EXPECT_EQ(google_endpoint({.emulator = "https://host:1/"}), "https://host:1");
  EXPECT_FALSE(google_endpoint({.emulator = "ftp://host"}));
  EXPECT_FALSE(google_endpoint({.emulator = "a?b"}));
}

}  // namespace
}  // namespace varve::storage
