#include "repo/writer.h"

#include <gtest/gtest.h>

#include "codec/sha256.h"
#include "repo/check.h"
#include "repo/pack.h"
#include "repo/testing/small_backup.h"
#include "repo/unpacked.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::repo {
namespace {

using namespace testing;
using storage::FaultStorage;
using storage::FileType;

std::string errors_in(const CheckResult& result) {
  std::string out;
  for (const auto& finding : result.findings) {
    if (finding.severity == Finding::Severity::kError) out += finding.what + "\n";
  }
  return out;
}

class WriterTest : public ::testing::Test {
 protected:
  void expect_sound(Repository& repository) {
    const auto checked = check(repository, {.read_data = true}, {}, Cancel());
    ASSERT_TRUE(checked) << checked.error().message();
    EXPECT_EQ(errors_in(*checked), "");
  }
  size_t count(FileType type) { return list_files(*memory_, type, Cancel())->size(); }

  std::shared_ptr<storage::MemoryStorage> memory_ = std::make_shared<storage::MemoryStorage>();
};

TEST_F(WriterTest, StoresOnceAndReadsBack) {
  const auto repository = make_repository(memory_);
  const Files files = {{"a/x.bson", sample_text(3'000'000, 1)},
                       {"a/same.bson", sample_text(3'000'000, 1)},
                       {"b/noise", sample_noise(2'500'000, 2)},
                       {"b/empty", ""}};
  BackupOptions options;
  options.blob_size = 100'000;
  const auto id = back_up(*repository, files, options);
  ASSERT_TRUE(id) << id.error().message();
  const size_t blobs = repository->index().size();
  EXPECT_EQ(blobs, 30u + 25u + 3u);
  EXPECT_EQ(*read_back(*repository, *id), files);
  expect_sound(*repository);

  const size_t packs = count(FileType::kPack);
  ASSERT_TRUE(back_up(*repository, files, options));
  EXPECT_EQ(count(FileType::kPack), packs);
  EXPECT_EQ(count(FileType::kIndex), 1u);
  EXPECT_EQ(repository->index().size(), blobs);
  const auto again = open_repository(memory_);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ((*again)->index().size(), blobs);
  EXPECT_EQ(*read_back(**again, *id), files);
}

TEST_F(WriterTest, PacksMatchTheirHeadersAndTheIndex) {
  const auto repository = make_repository(memory_);
  BackupOptions options;
  options.blob_size = 64 << 10;
  options.writer.pack_size = 4 << 20;
  ASSERT_TRUE(back_up(*repository, {{"noise", sample_noise(20 << 20, 3)}, {"text", sample_text(5 << 20, 4)}}, options));
  const auto index_files = *list_files(*memory_, FileType::kIndex, Cancel());
  ASSERT_EQ(index_files.size(), 1u);
  const std::string json = *repository->load_file(FileType::kIndex, index_files[0].id, Cancel());
  size_t packs = 0;
  ASSERT_TRUE(decode_index(json, [&](const IndexedPack& pack) {
    ++packs;
    const Bytes bytes = *memory_->get({FileType::kPack, pack.pack}, 0, 0, Cancel());
    EXPECT_EQ(bytes.size(), pack_file_size(pack.blobs));
    EXPECT_EQ(codec::sha256(bytes), pack.pack);
    EXPECT_LT(bytes.size(), 5u << 20);
    const auto listed = read_pack_header(repository->key(), bytes, pack.pack);
    ASSERT_TRUE(listed);
    EXPECT_EQ(encode_pack_header(*listed), encode_pack_header(pack.blobs));
    for (const auto& blob : pack.blobs) EXPECT_EQ(blob.type, pack.blobs.front().type);
  }));
  EXPECT_EQ(packs, count(FileType::kPack));
  EXPECT_GE(packs, 6u);
}

TEST_F(WriterTest, CompressesAsTold) {
  const auto repository = make_repository(memory_);
  const std::string text = sample_text(100'000, 1);
  const std::string noise = sample_noise(100'000, 1);
  const auto plain_length = [&](BlobType type, const std::string& content, codec::Compression level) {
    WriterOptions options;
    options.compression = level;
    const std::string different = content + static_cast<char>(level);
    Writer writer(*repository, options, Cancel());
    EXPECT_TRUE(writer.save(type, to_bytes(as_bytes(different)), [](const Id&) {}));
    EXPECT_TRUE(writer.finish());
    return repository->index().find(type, codec::sha256(as_bytes(different))).at(0).plain_length;
  };
  for (const auto level : {codec::Compression::kFastest, codec::Compression::kAuto, codec::Compression::kMax}) {
    EXPECT_EQ(plain_length(BlobType::kData, text, level), text.size() + 1);
    EXPECT_EQ(plain_length(BlobType::kData, noise, level), 0u);
  }
  EXPECT_EQ(plain_length(BlobType::kData, text, codec::Compression::kOff), 0u);
  EXPECT_EQ(plain_length(BlobType::kTree, text, codec::Compression::kOff), text.size() + 1);
  expect_sound(*repository);
}

TEST_F(WriterTest, TellsWhenABlobIsDone) {
  const auto repository = make_repository(memory_);
  Writer writer(*repository, {}, Cancel());
  std::mutex mutex;
  std::map<Id, int> done;
  for (uint32_t i = 0; i < 300; ++i) {
    const std::string text = sample_text(1000, i % 100);
    ASSERT_TRUE(writer.save(BlobType::kData, to_bytes(as_bytes(text)), [&](const Id& id) {
      std::lock_guard lock(mutex);
      ++done[id];
    }));
  }
  ASSERT_TRUE(writer.drain());
  EXPECT_EQ(done.size(), 100u);
  for (const auto& [id, times] : done) EXPECT_EQ(times, 3);
  const auto stats = writer.stats();
  EXPECT_EQ(stats.data_blobs_new, 100u);
  EXPECT_EQ(stats.blobs_known, 200u);
  EXPECT_EQ(stats.plain_bytes_new, 100'000u);
  EXPECT_GT(stats.packed_bytes, 0u);
  ASSERT_TRUE(writer.finish());
  EXPECT_EQ(writer.save(BlobType::kData, Bytes(1), [](const Id&) {}).error().kind(), ErrorKind::kInternal);
}

TEST_F(WriterTest, LargeAndEmptyBlobsAreStored) {
  const auto repository = make_repository(memory_);
  const std::string large = sample_noise(21 << 20, 5);
  {
    Writer writer(*repository, {}, Cancel());
    ASSERT_TRUE(writer.save(BlobType::kData, to_bytes(as_bytes(large)), [](const Id&) {}));
    ASSERT_TRUE(writer.save(BlobType::kData, Bytes(), [](const Id&) {}));
    ASSERT_TRUE(writer.finish());
  }
  EXPECT_EQ(as_text(*repository->load_blob(BlobType::kData, codec::sha256(as_bytes(large)), Cancel())), large);
  EXPECT_TRUE(repository->load_blob(BlobType::kData, codec::sha256({}), Cancel())->empty());
  expect_sound(*repository);
}

TEST_F(WriterTest, TheFirstErrorStopsAllAndStays) {
  const auto faulty = std::make_shared<FaultStorage>(memory_);
  const auto repository = make_repository(faulty);
  faulty->fail_call(storage::Operation::kPut, 2, Error(ErrorKind::kNoSpace, "the disk is full"));
  WriterOptions options;
  options.pack_size = 4 << 20;
  {
    Writer writer(*repository, options, Cancel());
    Status status;
    for (uint32_t i = 0; i < 1000 && status; ++i) {
      status = writer.save(BlobType::kData, to_bytes(as_bytes(sample_noise(1 << 20, i))), [](const Id&) {});
    }
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind(), ErrorKind::kNoSpace);
    EXPECT_EQ(writer.drain().error().kind(), ErrorKind::kNoSpace);
    EXPECT_EQ(writer.finish().error().kind(), ErrorKind::kNoSpace);
    EXPECT_EQ(writer.save(BlobType::kData, Bytes(1), [](const Id&) {}).error().kind(), ErrorKind::kNoSpace);
  }
  // What it had begun counts for nothing: the next writer stores it again.
  EXPECT_FALSE(repository->index().has(BlobType::kData, codec::sha256(as_bytes(sample_noise(1 << 20, 0)))));
  const Files files = {{"a", sample_noise(8 << 20, 0)}};
  const auto id = back_up(*repository, files);
  ASSERT_TRUE(id) << id.error().message();
  const auto again = open_repository(memory_);
  EXPECT_EQ(*read_back(**again, *id), files);
}

TEST_F(WriterTest, IndexesNoPackThatCannotBeReadBackIfAskedTo) {
  const auto faulty = std::make_shared<FaultStorage>(memory_);
  const auto repository = make_repository(faulty);
  BackupOptions options;
  options.writer.read_back = true;
  faulty->spoil_puts(FileType::kPack);
  const auto failed = back_up(*repository, {{"a", sample_text(5000, 1)}}, options);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(count(FileType::kIndex), 0u);
  EXPECT_EQ(repository->index().size(), 0u);
  faulty->spoil_puts(std::nullopt);
  ASSERT_TRUE(back_up(*repository, {{"a", sample_text(5000, 1)}}, options));
  expect_sound(*repository);
}

TEST_F(WriterTest, StopsWithItsParent) {
  const auto repository = make_repository(memory_);
  std::stop_source stop;
  Writer writer(*repository, {}, Cancel(stop.get_token()));
  ASSERT_TRUE(writer.save(BlobType::kData, Bytes(10), [](const Id&) {}));
  stop.request_stop();
  EXPECT_EQ(writer.finish().error().kind(), ErrorKind::kCancelled);
}

TEST_F(WriterTest, AbandonedOneLeavesNothingToRelyOn) {
  const auto repository = make_repository(memory_);
  const std::string text = sample_noise(5 << 20, 1);
  WriterOptions options;
  options.pack_size = 4 << 20;
  {
    Writer writer(*repository, options, Cancel());
    ASSERT_TRUE(writer.save(BlobType::kData, to_bytes(as_bytes(text)), [](const Id&) {}));
    ASSERT_TRUE(writer.drain());
  }
  EXPECT_FALSE(repository->index().has(BlobType::kData, codec::sha256(as_bytes(text))));
  EXPECT_TRUE(repository->index().claim(BlobType::kData, codec::sha256(as_bytes(text))));
}

TEST_F(WriterTest, SurvivesAPowerCutAtEveryWrite) {
  const Files old_files = {{"dump/a", sample_text(20'000, 1)}};
  const Files new_files = {{"dump/a", sample_text(20'000, 1) + "more"}, {"dump/b", sample_noise(9 << 20, 2)}};
  BackupOptions options;
  options.writer.pack_size = 4 << 20;
  bool finished = false;
  for (unsigned write = 1; !finished; ++write) {
    for (const auto side : {FaultStorage::Side::kBefore, FaultStorage::Side::kAfter}) {
      const auto below = std::make_shared<storage::MemoryStorage>();
      const auto faulty = std::make_shared<FaultStorage>(below);
      const auto repository = make_repository(faulty);
      const Id old_id = *back_up(*repository, old_files, options);
      faulty->cut_power(write, side);
      finished = bool(back_up(*repository, new_files, options));

      const auto after = open_repository(below);
      ASSERT_TRUE(after) << after.error().message();
      expect_sound(**after);
      EXPECT_EQ(*read_back(**after, old_id), old_files);
      const auto snapshots = (*after)->snapshots(Cancel());
      for (const auto& snapshot : *snapshots) {
        const bool is_old = snapshot.id == old_id;
        EXPECT_EQ(*read_back(**after, snapshot.id), is_old ? old_files : new_files);
      }
      // A rerun, by the process that saw the fault and by another, succeeds.
      faulty->restore_power();
      const auto rerun = back_up(*repository, new_files, options);
      ASSERT_TRUE(rerun) << rerun.error().message();
      const auto third = open_repository(below);
      EXPECT_EQ(*read_back(**third, *rerun), new_files);
      expect_sound(**third);
      ASSERT_LT(write, 50u) << "it never finishes";
    }
  }
}

TEST_F(WriterTest, KnowsItsMemory) {
  WriterOptions options;
  options.workers = 2;
  const uint64_t small = Writer::memory_bound(options, 1 << 20);
  EXPECT_GT(small, 5 * options.pack_size);
  EXPECT_LT(small, 512u << 20);
  options.workers = 4;
  EXPECT_GT(Writer::memory_bound(options, 1 << 20), small);
  EXPECT_GT(Writer::memory_bound(options, 16 << 20), Writer::memory_bound(options, 1 << 20));
}

}  // namespace
}  // namespace varve::repo
