#include "dump/directory.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace varve::dump {
namespace {

namespace fs = std::filesystem;

class DirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "varve-directory-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    out_ = root_ / "out";
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string content(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static mode_t mode(const fs::path& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
  }
  static size_t entries(const fs::path& folder) {
    return static_cast<size_t>(std::distance(fs::recursive_directory_iterator(folder), {}));
  }

  fs::path root_, out_;
};

TEST_F(DirectoryTest, WritesPrivateFilesThatAppearWhenComplete) {
  auto directory = Directory::create(out_);
  ASSERT_TRUE(directory);
  auto file = directory->file("shop/orders.bson");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write(as_bytes("one")));
  EXPECT_FALSE(fs::exists(out_ / "shop/orders.bson"));
  ASSERT_TRUE(file->write(as_bytes("two")));
  ASSERT_TRUE(file->commit());
  EXPECT_FALSE(fs::exists(out_ / "shop"));
  ASSERT_TRUE(directory->publish());
  EXPECT_EQ(content(out_ / "shop/orders.bson"), "onetwo");
  EXPECT_EQ(entries(out_), 2u);
  EXPECT_EQ(mode(out_ / "shop/orders.bson"), 0600u);
  EXPECT_EQ(mode(out_ / "shop"), 0700u);
  EXPECT_EQ(mode(out_), 0700u);
}

TEST_F(DirectoryTest, AnAbandonedFileLeavesNothing) {
  auto directory = Directory::create(out_);
  {
    auto file = directory->file("a.bson");
    ASSERT_TRUE(file->write(as_bytes("half")));
    Directory::File moved = std::move(*file);
  }
  ASSERT_TRUE(directory->publish());
  EXPECT_EQ(entries(out_), 0u);
}

TEST_F(DirectoryTest, AnAbandonedFolderLeavesNothing) {
  const auto write_half = [&] {
    auto directory = Directory::create(out_);
    ASSERT_TRUE(directory);
    auto whole = directory->file("shop/orders.bson"), half = directory->file("shop/deep/c.bson");
    ASSERT_TRUE(whole->write(as_bytes("whole")));
    ASSERT_TRUE(whole->commit());
    ASSERT_TRUE(half->write(as_bytes("half")));
  };
  write_half();
  EXPECT_FALSE(fs::exists(out_));
  fs::create_directory(out_);
  write_half();
  EXPECT_TRUE(fs::exists(out_) && entries(out_) == 0) << "it was there before";
}

TEST_F(DirectoryTest, PublishingReplacesNothing) {
  auto directory = Directory::create(out_);
  for (const char* name : {"a/a.bson", "b.json", "shop/orders.bson", "y/y.bson", "z.json"}) {
    auto file = directory->file(name);
    ASSERT_TRUE(file->write(as_bytes("ours")));
    ASSERT_TRUE(file->commit());
  }
  fs::create_directory(out_ / "shop");
  const auto status = directory->publish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind(), ErrorKind::kExists);
  directory = tl::unexpected(status.error());
  EXPECT_EQ(entries(out_), 1u);
  EXPECT_TRUE(fs::is_empty(out_ / "shop"));
}

TEST_F(DirectoryTest, NeverReplacesAFile) {
  auto directory = Directory::create(out_);
  auto first = directory->file("a"), second = directory->file("a");
  ASSERT_TRUE(first->write(as_bytes("first")));
  ASSERT_TRUE(second->write(as_bytes("second")));
  ASSERT_TRUE(first->commit());
  const auto status = second->commit();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind(), ErrorKind::kExists);
  ASSERT_TRUE(directory->publish());
  EXPECT_EQ(content(out_ / "a"), "first");
}

TEST_F(DirectoryTest, RefusesNamesThatLeaveTheFolder) {
  auto directory = Directory::create(out_);
  for (const std::string& name :
       {std::string("../x"), std::string("/abs"), std::string("a/../../x"), std::string(""), std::string("."),
        std::string(".."), std::string("a//b"), std::string("a/"), std::string("a/./b"), std::string("a\0b", 3)}) {
    const auto file = directory->file(name);
    ASSERT_FALSE(file) << name;
    EXPECT_EQ(file.error().kind(), ErrorKind::kInvalidInput) << name;
  }
  ASSERT_TRUE(directory->publish());
  EXPECT_EQ(entries(root_), 1u);
}

TEST_F(DirectoryTest, NeverWritesThroughAPlantedLink) {
  auto directory = Directory::create(out_);
  fs::create_directory(root_ / "victim");
  const auto hidden = fs::directory_iterator(out_)->path();
  fs::create_directory_symlink(root_ / "victim", hidden / "db");
  const auto inside = directory->file("db/c.bson");
  ASSERT_FALSE(inside);
  EXPECT_EQ(inside.error().kind(), ErrorKind::kDenied);

  fs::create_symlink(root_ / "victim/target", hidden / "link.bson");
  auto file = directory->file("link.bson");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write(as_bytes("x")));
  EXPECT_FALSE(file->commit());
  EXPECT_EQ(entries(root_ / "victim"), 0u);
}

TEST_F(DirectoryTest, TakesAnEmptyFolderButNoFullOne) {
  fs::create_directory(out_);
  EXPECT_TRUE(Directory::create(out_));
  ASSERT_TRUE(fs::is_empty(out_));
  std::ofstream(out_ / "there") << "x";
  EXPECT_EQ(Directory::create(out_).error().kind(), ErrorKind::kExists);
  EXPECT_EQ(Directory::create(root_ / "no/such").error().kind(), ErrorKind::kNotFound);
  EXPECT_FALSE(Directory::create(out_ / "there"));
}

}  // namespace
}  // namespace varve::dump
