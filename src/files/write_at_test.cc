#include "files/write_at.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "storage/testing/helpers.h"

namespace varve::files {
namespace {

class WritingAround : public ::testing::Test {
 protected:
  /// The file's content after `pieces` were written around zeros one after the other.
  std::string written(const std::vector<std::string>& pieces) {
    const auto path = folder_.path() + "/file";
    file_ = *storage::posix::open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    size_t size = 0;
    for (const auto& piece : pieces) size += piece.size();
    EXPECT_EQ(::ftruncate(file_.get(), static_cast<off_t>(size)), 0);
    uint64_t offset = 0;
    for (const auto& piece : pieces) {
      EXPECT_TRUE(write_around_zeros(file_, as_bytes(piece), offset));
      offset += piece.size();
    }
    std::string content(size, 'x');
    EXPECT_EQ(::pread(file_.get(), content.data(), size, 0), static_cast<ssize_t>(size));
    return content;
  }
  bool all_holes() const { return ::lseek(file_.get(), 0, SEEK_DATA) < 0; }

  storage::testing::TemporaryFolder folder_;
  Fd file_;
};

TEST_F(WritingAround, GivesTheSameContent) {
  const std::string zeros(10'000, '\0'), text(10'000, 't');
  for (const auto& pieces :
       std::vector<std::vector<std::string>>{{zeros},
                                             {text},
                                             {zeros, text},
                                             {text, zeros},
                                             {"a" + zeros + "b"},
                                             {"short"},
                                             {zeros.substr(1), text, zeros, zeros, "end"},
                                             {std::string(4096, 'x') + zeros + std::string(1, 'y')}}) {
    std::string whole;
    for (const auto& piece : pieces) whole += piece;
    EXPECT_EQ(written(pieces), whole);
  }
}

TEST_F(WritingAround, WritesNoZeros) {
  written({std::string(100'000, '\0'), std::string(33, '\0')});
  EXPECT_TRUE(all_holes());
  written({std::string(100'000, '\0'), "x"});
  EXPECT_FALSE(all_holes());
  EXPECT_GE(::lseek(file_.get(), 0, SEEK_DATA), 90'000);
}

/// /dev/shm is a file system on which nothing goes to a disk.
TEST(WriteAt, LargePiecesThatBeginAndEndAnywhereMakeOneFile) {
  const storage::testing::TemporaryFolder folder;
  for (const std::string& path : {folder.path() + "/file", "/dev/shm/varve-write-at-" + std::to_string(::getpid())}) {
    const auto file = storage::posix::open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    ASSERT_TRUE(file) << file.error().message();
    std::string whole;
    for (const size_t size : {200'001u, 5u, 1'500'000u, 131'072u, 131'071u, 300'003u}) {
      std::string piece(size, '\0');
      for (size_t i = 0; i < size; ++i) piece[i] = static_cast<char>((whole.size() + i) * 2'654'435'761u >> 13);
      EXPECT_TRUE(write_at(*file, as_bytes(piece), whole.size()));
      whole += piece;
    }
    std::string content(whole.size() + 1, 'x');
    EXPECT_EQ(::pread(file->get(), content.data(), content.size(), 0), static_cast<ssize_t>(whole.size()));
    content.pop_back();
    EXPECT_TRUE(content == whole) << path;
    ::unlink(path.c_str());
  }
}

}  // namespace
}  // namespace varve::files
