#include "storage/local.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "storage/layout.h"
#include "storage/posix.h"
#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

namespace fs = std::filesystem;
using testing::content;
using testing::handle_for;
using testing::listed;
using testing::put;

class Local : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(storage_.create(Cancel())); }

  fs::path path_of(const Handle& handle) const { return fs::path(folder_.path()) / handle.path(); }
  std::vector<fs::path> all_files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      if (!entry.is_directory()) files.push_back(entry.path());
    }
    return files;
  }

  const testing::TemporaryFolder folder_;
  LocalStorage storage_{folder_.path()};
  const Bytes bytes_ = content(1000);
  const Handle pack_ = handle_for(FileType::kPack, bytes_);
};

TEST_F(Local, MakesEveryFolderOfTheLayout) {
  size_t folders = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
    EXPECT_EQ(entry.status().permissions(), fs::perms::owner_all) << entry.path();
    ++folders;
  }
  EXPECT_EQ(folders, 5u + 256u);
  EXPECT_TRUE(fs::is_directory(folder_.path() + "/data/a0"));
}

TEST_F(Local, MakesFilesThatAreNotToBeChanged) {
  ASSERT_TRUE(put(storage_, pack_, bytes_));
  EXPECT_EQ(fs::status(path_of(pack_)).permissions(), fs::perms::owner_read);
  EXPECT_EQ(all_files().size(), 1u);
}

TEST_F(Local, IsFoundAgainByAnotherObject) {
  ASSERT_TRUE(put(storage_, pack_, bytes_));
  EXPECT_EQ(LocalStorage(folder_.path()).get(pack_, 0, 0, Cancel()), bytes_);
}

TEST_F(Local, MakesFoldersThatAreMissing) {
  for (const char* gone : {"data", "locks"}) fs::remove_all(fs::path(folder_.path()) / gone);
  EXPECT_TRUE(listed(storage_, FileType::kLock)->empty());
  EXPECT_TRUE(put(storage_, pack_, bytes_));
  EXPECT_EQ(listed(storage_, FileType::kPack)->size(), 1u) << "without the other 255 folders of packs";
  EXPECT_TRUE(put(storage_, handle_for(FileType::kLock, bytes_), bytes_));
  EXPECT_EQ(storage_.get(pack_, 0, 0, Cancel()), bytes_);
}

TEST_F(Local, WhereAFolderIsMissingNothingIsSaidToBeThere) {
  for (const FileType type : {FileType::kKey, FileType::kSnapshot, FileType::kIndex, FileType::kPack}) {
    const fs::path folder = fs::path(folder_.path()) / folder_of(type);
    fs::rename(folder, folder.string() + "-elsewhere");
    const auto found = listed(storage_, type);
    ASSERT_FALSE(found) << folder;
    EXPECT_EQ(found.error().kind(), ErrorKind::kUnavailable);
    EXPECT_NE(found.error().message().find(folder.string()), std::string::npos) << found.error().message();
    fs::rename(folder.string() + "-elsewhere", folder);
    EXPECT_TRUE(listed(storage_, type)->empty());
  }
}

TEST_F(Local, WhatIsInItsFolderAndCannotBeFoundIsNotPassedOver) {
  for (const FileType type : {FileType::kKey, FileType::kSnapshot, FileType::kIndex}) {
    const Handle handle = handle_for(type, bytes_);
    fs::create_symlink("nowhere", path_of(handle));
    const auto found = listed(storage_, type);
    ASSERT_FALSE(found) << handle.path();
    EXPECT_NE(found.error().message().find(handle.path()), std::string::npos) << found.error().message();
  }
}

TEST_F(Local, NeverMakesARepositoryUnasked) {
  fs::remove_all(folder_.path());
  EXPECT_EQ(put(storage_, pack_, bytes_).error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(put(storage_, testing::kConfig, bytes_).error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(storage_.get(testing::kConfig, 0, 0, Cancel()).error().kind(), ErrorKind::kNotFound);
  EXPECT_FALSE(fs::exists(folder_.path()));
}

TEST_F(Local, RefusesToCreateWhereAFileIs) {
  const std::string path = folder_.path() + "/file";
  std::ofstream(path) << "x";
  EXPECT_EQ(LocalStorage(path).create(Cancel()).error().kind(), ErrorKind::kInvalidInput);
  EXPECT_FALSE(LocalStorage(path + "/below").create(Cancel()));
}

TEST_F(Local, PassesOverNamesThatAreNoIds) {
  ASSERT_TRUE(put(storage_, pack_, bytes_));
  const fs::path folder = path_of(pack_).parent_path();
  const std::string hex = pack_.id.hex();
  std::string upper = hex;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  const std::string wrong_place = std::string(folder.filename() == "00" ? "01" : "00") + hex.substr(2);
  for (const std::string& name :
       {hex + "-tmp-0123456789abcdef", std::string("README"), hex.substr(1), upper, wrong_place}) {
    std::ofstream(folder / name) << "x";
  }
  std::ofstream(folder.parent_path() / hex) << "x";
  EXPECT_EQ(listed(storage_, FileType::kPack), (std::map<Id, uint64_t>{{pack_.id, bytes_.size()}}));
}

TEST_F(Local, TellsAFileThatWasCutShort) {
  ASSERT_TRUE(put(storage_, pack_, bytes_));
  fs::permissions(path_of(pack_), fs::perms::owner_write, fs::perm_options::add);
  fs::resize_file(path_of(pack_), 10);
  EXPECT_EQ(storage_.get(pack_, 0, 1000, Cancel()).error().kind(), ErrorKind::kCorrupt);
}

TEST_F(Local, WhatTheMediumCannotGiveIsDamage) {
  // The kernel answers EIO for memory that is not there.
  const auto file = posix::open_file("/proc/self/mem", O_RDONLY);
  ASSERT_TRUE(file);
  Bytes out(10);
  const auto read = posix::read_at(*file, "the file", 0, out);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(read.error().message(), "cannot read the file: Input/output error");
}

TEST_F(Local, LeavesNothingOfAFileThatCouldNotBeWritten) {
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit small = before;
  small.rlim_cur = 64 << 10;
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto status = put(storage_, pack_, content(1 << 20));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message().find("File too large"), std::string::npos) << status.error().message();
  EXPECT_TRUE(all_files().empty());
  EXPECT_TRUE(put(storage_, pack_, content(1 << 20)));
}

TEST_F(Local, ShowsAllOrNothingWhenStoppedMidway) {
  const Bytes piece = content(1 << 16);
  const std::vector<ByteView> pieces(400, piece);
  for (int delay = 0; delay < 10; ++delay) {
    const Handle handle = handle_for(FileType::kPack, content(8, static_cast<uint64_t>(delay)));
    std::stop_source source;
    std::jthread stopper([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(delay));
      source.request_stop();
    });
    const auto status = storage_.put(handle, pieces, Cancel(source.get_token()));
    if (!status) EXPECT_EQ(status.error().kind(), ErrorKind::kCancelled);
    EXPECT_EQ(all_files().size(), status ? 1u : 0u);
    if (status) EXPECT_EQ(storage_.stat(handle, Cancel()), pieces.size() * piece.size());
    if (status) ASSERT_TRUE(storage_.remove(handle, Cancel()));
  }
}

TEST_F(Local, SaysWhenItMayNot) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may do everything";
  ASSERT_TRUE(put(storage_, pack_, bytes_));
  fs::permissions(path_of(pack_), fs::perms::none);
  EXPECT_EQ(storage_.get(pack_, 0, 0, Cancel()).error().kind(), ErrorKind::kDenied);
  fs::permissions(fs::path(folder_.path()) / "locks", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(put(storage_, handle_for(FileType::kLock, bytes_), bytes_).error().kind(), ErrorKind::kDenied);
}

}  // namespace
}  // namespace varve::storage
