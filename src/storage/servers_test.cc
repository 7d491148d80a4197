// The back ends that need a server, on one, where the environment names it: tests/storage_room_test.py does.
#include <atomic>
#include <cstdlib>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "storage/rclone.h"
#include "storage/rest.h"
#include "storage/retry.h"
#include "storage/s3.h"
#include "storage/sftp.h"
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

/// A name that no other test has.
std::string new_name() {
  static std::atomic<unsigned> made = 0;
  return fmt::format("varve-test-{}-{}", ::getpid(), ++made);
}

std::shared_ptr<Storage> make_rest() {
  return std::make_shared<RestStorage>(*RestPlace::parse(named("VARVE_TEST_REST") + '/' + new_name()),
                                       net::ClientOptions(), kConnections);
}

AwsLogin s3_login() {
  return {{named("VARVE_TEST_S3_KEY"), named("VARVE_TEST_S3_SECRET"), ""}, ""};
}

std::shared_ptr<Storage> make_s3(const std::string& prefix) {
  return std::make_shared<S3Storage>(*S3Place::parse(named("VARVE_TEST_S3") + '/' + new_name() + prefix), s3_login(),
                                     net::ClientOptions(), kConnections);
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
  return out;
}

INSTANTIATE_TEST_SUITE_P(Servers, Conformance, ::testing::ValuesIn(servers()), implementation_name);

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
  constexpr uint64_t kFiles = 3000, kThreads = 4;
  std::atomic<uint64_t> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (uint64_t i = thread; i < kFiles; i += kThreads) {
          const Bytes bytes = content(20, i);
          if (!put(*storage_, handle_for(i % 10 == 0 ? FileType::kIndex : FileType::kPack, bytes), bytes)) ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0u);
  EXPECT_EQ(listed(*storage_, FileType::kPack)->size(), 2700u);
  EXPECT_EQ(listed(*storage_, FileType::kIndex)->size(), 300u);
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
