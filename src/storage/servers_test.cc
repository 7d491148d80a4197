// The back ends that need a server, on one, where the environment names it: tests/storage_room_test.py does.
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "storage/azure.h"
#include "storage/google.h"
#include "storage/rclone.h"
#include "storage/rest.h"
#include "storage/retry.h"
#include "storage/s3.h"
#include "storage/sftp.h"
#include "storage/swift.h"
#include "storage/testing/conformance.h"
#include "storage/testing/helpers.h"
#include "storage/words.h"

namespace varve::storage::testing {
namespace {

constexpr unsigned kConnections = 5;

std::string named(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// A name that no other test has.
std::string new_name() {
  static std::atomic<unsigned> made = 0;
  return fmt::format("varve-test-{}-{}", ::getpid(), ++made);
}

/// The login stands in its address; VARVE_TEST_CACERT is the file of who signed its certificate, if it has one.
std::shared_ptr<Storage> make_rest() {
  net::ClientOptions http;
  if (const auto file = named("VARVE_TEST_CACERT"); !file.empty()) http.authorities_pem = read_text(file);
  return std::make_shared<RestStorage>(*RestPlace::parse(named("VARVE_TEST_REST") + '/' + new_name()), http,
                                       kConnections);
}

AwsLogin s3_login() {
  return {.keys = {named("VARVE_TEST_S3_KEY"), named("VARVE_TEST_S3_SECRET"), ""}};
}

std::shared_ptr<Storage> make_s3(const std::string& prefix) {
  return std::make_shared<S3Storage>(*S3Place::parse(named("VARVE_TEST_S3") + '/' + new_name() + prefix), s3_login(),
                                     net::ClientOptions(), kConnections);
}

std::shared_ptr<Storage> make_swift(const std::string& folder) {
  OpenstackLogin login;
  login.version = named("VARVE_TEST_SWIFT_VERSION");
  login.project = named("VARVE_TEST_SWIFT_PROJECT");
  if (login.version == "3") login.user_domain = login.project_domain = "Default";
  login.auth_url = named("VARVE_TEST_SWIFT");
  login.user = named("VARVE_TEST_SWIFT_USER");
  login.password = named("VARVE_TEST_SWIFT_PASSWORD");
  return std::make_shared<SwiftStorage>(*SwiftPlace::parse(new_name() + ":/" + folder), login, "", net::ClientOptions(),
                                        kConnections);
}

std::shared_ptr<AzureStorage> make_azure(const std::string& prefix, AzureOptions options = {}) {
  const auto login = azure_login({.connection_string = named("VARVE_TEST_AZURE")});
  return std::make_shared<AzureStorage>(*BucketPlace::parse("azure", new_name() + ":/" + prefix), *login,
                                        std::move(options), net::ClientOptions(), kConnections);
}

std::shared_ptr<GoogleStorage> make_google(const std::string& prefix) {
  return std::make_shared<GoogleStorage>(*BucketPlace::parse("gs", new_name() + ":/" + prefix), GoogleLogin(),
                                         GoogleOptions{named("VARVE_TEST_GOOGLE"), "tests", "us"}, net::ClientOptions(),
                                         kConnections);
}

/// By the server's program alone, or a real connection: VARVE_TEST_SFTP is the command that brings us there.
std::shared_ptr<Storage> make_sftp(const std::string& command) {
  struct Place {
    TemporaryFolder folder;
    SftpStorage storage;
    explicit Place(std::vector<std::string> words)
        : storage("sftp:here", {.command = std::move(words), .name = "here"}, folder.path() + "/not/yet",
                  kConnections) {}
  };
  const auto place = std::make_shared<Place>(*split_words(command, "VARVE_TEST_SFTP"));
  return {place, &place->storage};
}

/// VARVE_TEST_RCLONE is a place of rclone's.
std::shared_ptr<Storage> make_rclone() {
  const auto remote = named("VARVE_TEST_RCLONE") + '/' + new_name();
  return std::make_shared<RcloneStorage>(remote, *rclone_command(remote, {}), net::ClientOptions(), kConnections);
}

std::vector<Implementation> servers() {
  constexpr const char* kSftpProgram = "/usr/lib/openssh/sftp-server";
  std::vector<Implementation> out;
  if (::access(kSftpProgram, X_OK) == 0) out.push_back({"sftp_program", [] { return make_sftp(kSftpProgram); }});
  if (!named("VARVE_TEST_RCLONE").empty()) out.push_back({"rclone", make_rclone});
  if (!named("VARVE_TEST_SFTP").empty()) {
    out.push_back({"sftp", [] { return make_sftp(named("VARVE_TEST_SFTP")); }});
    out.push_back({"sftp_retried",
                   [] { return std::make_shared<RetryStorage>(make_sftp(named("VARVE_TEST_SFTP")), RetryOptions()); }});
  }
  if (!named("VARVE_TEST_REST").empty()) {
    out.push_back({"rest", make_rest});
    out.push_back({"rest_retried", [] { return std::make_shared<RetryStorage>(make_rest(), RetryOptions()); }});
  }
  if (!named("VARVE_TEST_S3").empty()) {
    out.push_back({"s3", [] { return make_s3(""); }});
    out.push_back({"s3_prefix", [] { return make_s3("/a folder/with+more"); }});
  }
  if (!named("VARVE_TEST_SWIFT").empty()) {
    out.push_back({"swift", [] { return make_swift(""); }});
    out.push_back({"swift_prefix", [] { return make_swift("a folder/with+more%41/ä"); }});
  }
  if (!named("VARVE_TEST_AZURE").empty()) {
    const AzureOptions in_blocks{.access_tier = "Cool", .largest_put = 1 << 20, .block = 700'000};
    out.push_back({"azure", [] { return make_azure(""); }});
    out.push_back({"azure_prefix", [] { return make_azure("a folder/with+more"); }});
    out.push_back({"azure_blocks", [in_blocks] { return make_azure("", in_blocks); }});
  }
  if (!named("VARVE_TEST_GOOGLE").empty()) {
    out.push_back({"google", [] { return make_google(""); }});
    out.push_back({"google_prefix", [] { return make_google("a folder/with+more"); }});
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Servers, Conformance, ::testing::ValuesIn(servers()), implementation_name);

/// Of `files` small files one in ten is an index.
void expect_many_listed(Storage& storage, uint64_t files) {
  constexpr uint64_t kThreads = 4;
  std::atomic<uint64_t> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (uint64_t i = thread; i < files; i += kThreads) {
          const Bytes bytes = content(20, i);
          if (!put(storage, handle_for(i % 10 == 0 ? FileType::kIndex : FileType::kPack, bytes), bytes)) ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0u);
  EXPECT_EQ(listed(storage, FileType::kPack)->size(), files - files / 10);
  EXPECT_EQ(listed(storage, FileType::kIndex)->size(), files / 10);
}

class S3Server : public ::testing::Test {
 protected:
  void SetUp() override {
    if (named("VARVE_TEST_S3").empty()) GTEST_SKIP() << "no S3 server is named";
    storage_ = make_s3("");
    ASSERT_TRUE(storage_->create(Cancel()));
  }
  std::shared_ptr<Storage> storage_;
};

TEST_F(S3Server, ListsMoreThanAPage) {
  expect_many_listed(*storage_, 3000);
}

TEST_F(S3Server, RefusesBytesThatAreNotThoseOfTheName) {
  const Handle handle = handle_for(FileType::kPack, as_bytes("these"));
  const auto stored = put(*storage_, handle, as_bytes("those"));
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().kind(), ErrorKind::kUnavailable);
  EXPECT_NE(stored.error().message().find("other bytes arrived"), std::string::npos) << stored.error().message();
  EXPECT_EQ(storage_->stat(handle, Cancel()).error().kind(), ErrorKind::kNotFound);
}

TEST_F(S3Server, FindsTheRegionThatItIsIn) {
  const auto place = *S3Place::parse(named("VARVE_TEST_S3") + '/' + new_name());
  AwsLogin login = s3_login();
  login.region = "eu-somewhere-1";
  S3Storage storage(place, login, net::ClientOptions(), kConnections);
  EXPECT_EQ(storage.stat(kConfig, Cancel()).error().kind(), ErrorKind::kNotFound);
  ASSERT_TRUE(storage.create(Cancel()));
  EXPECT_TRUE(put(storage, kConfig, as_bytes("config")));
}

TEST(SwiftServer, ListsMoreThanAPage) {
  if (named("VARVE_TEST_SWIFT").empty()) GTEST_SKIP() << "no Swift is named";
  const auto storage = make_swift("");
  ASSERT_TRUE(storage->create(Cancel()));
  expect_many_listed(*storage, 300);  // the tests' server gives a hundred at once
}

class AzureServer : public ::testing::Test {
 protected:
  void SetUp() override {
    if (named("VARVE_TEST_AZURE").empty()) GTEST_SKIP() << "no server of Azure's is named";
    storage_ = make_azure("", {.page = 100});
    ASSERT_TRUE(storage_->create(Cancel()));
  }
  std::shared_ptr<Storage> storage_;
};

TEST_F(AzureServer, ListsMoreThanAPage) {
  expect_many_listed(*storage_, 500);
}

TEST(GoogleServer, ListsAllOfManyFiles) {
  if (named("VARVE_TEST_GOOGLE").empty()) GTEST_SKIP() << "no server of Google's is named";
  const auto storage = make_google("");
  ASSERT_TRUE(storage->create(Cancel()));
  expect_many_listed(*storage, 1500);
}

TEST(RestServer, RefusesBytesThatAreNotThoseOfTheName) {
  if (named("VARVE_TEST_REST").empty()) GTEST_SKIP() << "no REST server is named";
  const auto storage = make_rest();
  ASSERT_TRUE(storage->create(Cancel()));
  const Handle handle = handle_for(FileType::kPack, as_bytes("these"));
  EXPECT_EQ(put(*storage, handle, as_bytes("those")).error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(storage->stat(handle, Cancel()).error().kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace varve::storage::testing
