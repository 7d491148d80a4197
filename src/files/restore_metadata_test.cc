#include "files/restore_metadata.h"

#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "files/local_node.h"
#include "storage/testing/helpers.h"

namespace {

constexpr std::string_view kTooLarge = "user.too-large";
int refusal = 0;

}  // namespace

/// Stands before the C library's: a file system that has no room for one of the attributes.
extern "C" int fsetxattr(int fd, const char* name, const void* value, size_t size, int flags) noexcept {
  if (name != kTooLarge) return static_cast<int>(syscall(SYS_fsetxattr, fd, name, value, size, flags));
  errno = refusal;
  return -1;
}

namespace varve::files {
namespace {

TEST(RestoreMetadata, AnAttributeWithoutRoomMakesNoDiskFull) {
  const storage::testing::TemporaryFolder folder;
  repo::Node node;
  node.mode = 0640;
  node.uid = getuid();
  node.gid = getgid();
  node.mtime = node.atime = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);
  node.extended_attributes = {{std::string(kTooLarge), Bytes(10)}};
  for (const int error : {ENOSPC, E2BIG, EDQUOT}) {
    refusal = error;
    const auto path = folder.path() + "/" + std::to_string(error);
    const auto file = *storage::posix::open_file(path, O_RDWR | O_CREAT, 0600);
    const auto given = MetadataRestorer({}).restore_open(node, file);
    ASSERT_FALSE(given);
    EXPECT_NE(given.error().kind(), ErrorKind::kNoSpace);
    EXPECT_NE(given.error().message().find(kTooLarge), std::string::npos) << given.error().message();
    struct stat info;
    ASSERT_EQ(fstat(file.get(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0640u);
    EXPECT_EQ(modified_at(info), node.mtime);
  }
}

}  // namespace
}  // namespace varve::files
