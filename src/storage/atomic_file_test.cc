#include "storage/atomic_file.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

namespace fs = std::filesystem;

class Replacing : public ::testing::Test {
 protected:
  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }
  /// Half of it, and the rest if it is to be published.
  Status replace(const std::string& path, bool whole) {
    TRY_ASSIGN(auto file, Replacement::begin(path));
    TRY(file.write(as_bytes("new "), Cancel()));
    if (!whole) return {};
    TRY(file.write(as_bytes("content"), Cancel()));
    return file.publish();
  }

  const testing::TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/file";
};

TEST_F(Replacing, LeavesWhatIsThereUntilAllIsOnDisk) {
  std::ofstream(path_) << "old";
  fs::permissions(path_, fs::perms(0640));
  ASSERT_TRUE(replace(path_, false));
  EXPECT_EQ(read(path_), "old");
  EXPECT_EQ(files(), 1u);
  ASSERT_TRUE(replace(path_, true));
  EXPECT_EQ(read(path_), "new content");
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms(0640));
  EXPECT_EQ(files(), 1u);
}

TEST_F(Replacing, MakesWhatIsNotThere) {
  ASSERT_TRUE(replace(path_, false));
  EXPECT_EQ(files(), 0u);
  ASSERT_TRUE(replace(path_, true));
  EXPECT_EQ(read(path_), "new content");
  EXPECT_EQ(replace(folder_.path() + "/no/folder", true).error().kind(), ErrorKind::kNotFound);
}

TEST_F(Replacing, FollowsALink) {
  std::ofstream(path_) << "old";
  fs::create_symlink("file", folder_.path() + "/link");
  ASSERT_TRUE(replace(folder_.path() + "/link", true));
  EXPECT_TRUE(fs::is_symlink(folder_.path() + "/link"));
  EXPECT_EQ(read(path_), "new content");
}

}  // namespace
}  // namespace varve::storage
