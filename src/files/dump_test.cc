#include "files/dump.h"

#include <gtest/gtest.h>

#include "files/archive.h"
#include "repo/testing/small_backup.h"
#include "storage/fault.h"
#include "storage/memory.h"

/// libarchive keeps ten kilobytes of an archive that was given up halfway.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libarchive.so\n";
}

namespace varve::files {
namespace {

using repo::testing::sample_noise;
using storage::FaultStorage;

class Dumping : public ::testing::Test {
 protected:
  void SetUp() override {
    auto repository = repo::testing::make_repository(storage_);
    repo::testing::BackupOptions options;
    options.blob_size = 64u << 10;
    content_ = sample_noise(5u << 20, 1) + std::string(1u << 20, 'z');
    const auto id = *repo::testing::back_up(*repository, {{"folder/file", content_}, {"folder/empty", ""}}, options);
    repository_ = *repo::testing::open_repository(storage_);
    tree_ = repository_->find_snapshot(id.hex(), {}, Cancel())->tree;
    file_ = *repo::find_node(*repository_, tree_, "folder/file", Cancel());
  }

  DumpSink sink() {
    return [this](ByteView bytes) -> Status {
      out_ += as_text(bytes);
      return {};
    };
  }

  std::shared_ptr<FaultStorage> storage_ = std::make_shared<FaultStorage>(std::make_shared<storage::MemoryStorage>());
  std::unique_ptr<repo::Repository> repository_;
  std::string content_, out_;
  Id tree_;
  repo::Node file_;
};

TEST_F(Dumping, AFileComesInOrder) {
  ASSERT_TRUE(dump_file(*repository_, file_, sink(), Cancel()));
  EXPECT_EQ(out_, content_);
}

TEST_F(Dumping, DamageEndsAFileAfterItsGoodBytes) {
  const auto place = repository_->index().find(repo::BlobType::kData, file_.content[40]).front();
  ASSERT_TRUE(storage_->corrupt({storage::FileType::kPack, place.pack}, place.offset + 20));
  const auto done = dump_file(*repository_, file_, sink(), Cancel());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(out_, content_.substr(0, 40 * (64u << 10)));
}

TEST_F(Dumping, ASinkThatFailsEndsIt) {
  int calls = 0;
  const auto failing = [&](ByteView) -> Status {
    return ++calls == 3 ? Status(fail(ErrorKind::kNoSpace, "full")) : Status();
  };
  auto done = dump_file(*repository_, file_, failing, Cancel());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::kNoSpace);
  calls = 0;
  const auto archive = dump_folder(*repository_, tree_, "/", ArchiveFormat::kTar, failing, Cancel());
  ASSERT_FALSE(archive);
  EXPECT_EQ(archive.error().kind(), ErrorKind::kNoSpace);
}

TEST_F(Dumping, StopsWhenAsked) {
  std::stop_source stop;
  const auto stopping = [&](ByteView) -> Status {
    stop.request_stop();
    return {};
  };
  const auto done = dump_file(*repository_, file_, stopping, Cancel(stop.get_token()));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::kCancelled);
}

TEST_F(Dumping, AnArchiveEndsWithItsMarkUnlessItIsDamaged) {
  const std::string mark(1024, '\0');
  const auto result = dump_folder(*repository_, tree_, "/", ArchiveFormat::kTar, sink(), Cancel());
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->entries, 3u);
  EXPECT_TRUE(out_.ends_with(mark));
  EXPECT_NE(out_.find(content_), std::string::npos);

  out_.clear();
  const auto place = repository_->index().find(repo::BlobType::kData, file_.content[40]).front();
  ASSERT_TRUE(storage_->corrupt({storage::FileType::kPack, place.pack}, place.offset + 20));
  const auto damaged = dump_folder(*repository_, tree_, "/", ArchiveFormat::kTar, sink(), Cancel());
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().message().find("/folder/file"), std::string::npos);
  EXPECT_FALSE(out_.ends_with(mark));
}

TEST(AclText, IsThatOfATar) {
  Bytes acl;
  append_le<uint32_t>(acl, 2);
  const auto add = [&](uint16_t tag, uint16_t rights, uint32_t id) {
    append_le(acl, tag);
    append_le(acl, rights);
    append_le(acl, id);
  };
  add(0x01, 6, ~0u);
  add(0x02, 4, 1000);
  add(0x04, 5, ~0u);
  add(0x10, 7, ~0u);
  add(0x20, 0, ~0u);
  EXPECT_EQ(acl_text(acl), "user::rw-\nuser:1000:r--\ngroup::r-x\nmask::rwx\nother::---\n");
  acl.pop_back();
  EXPECT_EQ(acl_text(acl), "");
  EXPECT_EQ(acl_text(Bytes(4)), "");
}

}  // namespace
}  // namespace varve::files
