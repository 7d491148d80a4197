#include <fstream>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/local.h"
#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

constexpr int kSkipped = 77;

/// Gives this process a view of the file system of its own, with a disk of 256 KiB at `path`; false where the system
/// lets nobody do so.
bool enter_small_disk(const std::string& path) {
  const auto user = std::to_string(::geteuid());
  const auto group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << user << ' ' << user << " 1";
    std::ofstream("/proc/self/gid_map") << group << ' ' << group << " 1";
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=256k,nr_inodes=1000") == 0;
}

#define REQUIRE(condition)                                       \
  if (!(condition)) {                                            \
    std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
    return 1;                                                    \
  }

int fill_small_disk(const std::string& path) {
  if (!enter_small_disk(path)) return kSkipped;
  LocalStorage storage(path);
  const Bytes small = testing::content(50 << 10);
  const Bytes large = testing::content(300 << 10);
  const Handle kept = testing::handle_for(FileType::kPack, small);
  const Handle refused = testing::handle_for(FileType::kPack, large);
  REQUIRE(storage.create(Cancel()));
  REQUIRE(testing::put(storage, kept, small));
  const auto status = testing::put(storage, refused, large);
  REQUIRE(!status && status.error().kind() == ErrorKind::kNoSpace && !status.error().hints().empty());
  REQUIRE(!storage.stat(refused, Cancel()));
  REQUIRE(storage.get(kept, 0, 0, Cancel()) == small);
  // What the failed one had taken is free again.
  const Bytes next = testing::content(150 << 10, 1);
  REQUIRE(testing::put(storage, testing::handle_for(FileType::kPack, next), next));
  return 0;
}

TEST(LocalOnAFullDisk, SaysSoAndLeavesNothing) {
  const testing::TemporaryFolder folder;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(fill_small_disk(folder.path()));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kSkipped) GTEST_SKIP() << "no right to mount a small disk";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace varve::storage
