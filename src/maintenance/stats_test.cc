#include "maintenance/stats.h"

#include <gtest/gtest.h>

#include "repo/testing/small_backup.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::maintenance {
namespace {

using namespace repo::testing;
using repo::BlobType;

class StatsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BackupOptions options;
    options.blob_size = 1000;
    ASSERT_TRUE(back_up(*repository_, {{"d/one", text_}, {"d/same", text_}, {"two", "12345"}, {"none", ""}}, options));
    options.time += std::chrono::hours(1);
    ASSERT_TRUE(back_up(*repository_, {{"d/one", text_}, {"two", "12345678"}}, options));
  }
  Result<Stats> collect(StatsMode mode) {
    SilentReporter silent;
    TRY_ASSIGN(const auto all, repository_->snapshots(Cancel()));
    return collect_stats(*repository_, all, mode, silent, Cancel());
  }

  const std::string text_ = sample_text(2500, 1);
  std::shared_ptr<storage::FaultStorage> storage_ =
      std::make_shared<storage::FaultStorage>(std::make_shared<storage::MemoryStorage>());
  std::unique_ptr<repo::Repository> repository_ = make_repository(storage_);
};

TEST_F(StatsTest, RestoreSizeCountsEveryEntryOfEverySnapshot) {
  const auto stats = *collect(StatsMode::kRestoreSize);
  EXPECT_EQ(stats.snapshots, 2u);
  EXPECT_EQ(stats.files, 5u + 3u);  // folders are entries, too
  EXPECT_EQ(stats.size, 2500u * 3 + 5 + 8);
  EXPECT_EQ(stats.blobs, 0u);
}

TEST_F(StatsTest, FilesByContentsCountsEachContentOnce) {
  const auto stats = *collect(StatsMode::kFilesByContents);
  EXPECT_EQ(stats.files, 4u);  // text, 12345, 12345678, and what has no content
  EXPECT_EQ(stats.size, 2500u + 5 + 8);
}

TEST_F(StatsTest, BlobsPerFileCountsTheBlobsOfThese) {
  const auto stats = *collect(StatsMode::kBlobsPerFile);
  EXPECT_EQ(stats.files, 2u);      // d/one and two
  EXPECT_EQ(stats.blobs, 3u + 2);  // two had two contents
  EXPECT_EQ(stats.size, 2500u + 5 + 8);
}

TEST_F(StatsTest, RawDataIsWhatTheIndexSays) {
  const auto stats = *collect(StatsMode::kRawData);
  uint64_t blobs = 0, size = 0;
  repository_->index().for_each([&](BlobType, const Id&, const repo::BlobLocation& at) {
    ++blobs;
    size += at.length;
  });
  EXPECT_EQ(stats.blobs, blobs);
  EXPECT_EQ(stats.size, size);
  EXPECT_GT(stats.uncompressed_size, stats.size);
  EXPECT_GT(stats.compression_ratio(), 1.0);
  EXPECT_GT(stats.compression_progress(), 50.0);
  EXPECT_LE(stats.compression_progress(), 100.0);
  EXPECT_NEAR(stats.compression_space_saving(),
              100 - 100.0 * static_cast<double>(stats.size) / static_cast<double>(stats.uncompressed_size), 1e-9);
}

TEST_F(StatsTest, HardLinksCountOnceASnapshot) {
  const auto node = [](const std::string& name, uint64_t inode, uint64_t links) {
    repo::Node made;
    made.name = name;
    made.inode = inode;
    made.links = links;
    made.device_id = 1;
    made.size = 1000;
    return made;
  };
  repo::Node folder;
  folder.name = "folder";
  folder.type = repo::NodeType::kDir;
  repo::Snapshot snapshot;
  {
    repo::Writer writer(*repository_, {}, Cancel());
    const auto save = [&](const std::vector<repo::Node>& nodes) {
      Id tree;
      EXPECT_TRUE(writer.save(BlobType::kTree, to_bytes(as_bytes(*repo::encode_tree(nodes))),
                              [&](const Id& id) { tree = id; }));
      EXPECT_TRUE(writer.drain());
      return tree;
    };
    folder.subtree = save({node("a", 7, 2), node("b", 8, 1)});
    auto twin = folder;
    twin.name = "twin";
    snapshot.tree = save({node("c", 7, 2), node("d", 0, 0), node("e", 0, 0), folder, twin});
    ASSERT_TRUE(writer.finish());
  }
  SilentReporter silent;
  const auto stats = collect_stats(*repository_, {snapshot, snapshot}, StatsMode::kRestoreSize, silent, Cancel());
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->files, 2u * 9);
  EXPECT_EQ(stats->size, 2u * (1000 + 2000 + 2000));  // the links once; d and e are none; b in both folders
}

TEST_F(StatsTest, DamageIsAnErrorAndNotASmallerNumber) {
  const Id tree = repository_->find_snapshot("latest", {}, Cancel())->tree;
  const auto at = repository_->index().find(BlobType::kTree, tree).at(0);
  ASSERT_TRUE(storage_->corrupt({storage::FileType::kPack, at.pack}, at.offset + 20));
  for (const auto mode :
       {StatsMode::kRestoreSize, StatsMode::kFilesByContents, StatsMode::kBlobsPerFile, StatsMode::kRawData}) {
    const auto stats = collect(mode);
    ASSERT_FALSE(stats);
    EXPECT_EQ(stats.error().kind(), ErrorKind::kCorrupt);
  }
}

}  // namespace
}  // namespace varve::maintenance
