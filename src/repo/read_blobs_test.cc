#include "repo/read_blobs.h"

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include <gtest/gtest.h>

#include "codec/sha256.h"
#include "repo/testing/small_backup.h"
#include "repo/walk_trees.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::repo {
namespace {

using storage::FaultStorage;
using storage::FileType;

class Reading : public ::testing::Test {
 protected:
  void SetUp() override {
    auto repository = testing::make_repository(storage_);
    testing::BackupOptions options;
    options.blob_size = 64u << 10;
    options.writer.pack_size = 4u << 20;
    id_ = *testing::back_up(*repository,
                            {{"a/noise", testing::sample_noise(9u << 20, 1)},
                             {"a/b/text", testing::sample_text(1u << 20, 2)},
                             {"c", "short"}},
                            options);
    repository_ = *testing::open_repository(storage_);
    repository_->index().for_each([&](BlobType type, const Id& id, const BlobLocation& at) {
      all_.push_back({type, id, at});
    });
  }

  std::map<Id, bool> read(const std::vector<Index::PackedBlob>& wanted) {
    std::mutex mutex;
    std::map<Id, bool> seen;
    const auto status = read_blobs(
        *repository_, wanted,
        [&](const Index::PackedBlob& blob, const Result<Bytes>& plain) -> Status {
          std::lock_guard lock(mutex);
          EXPECT_TRUE(seen.emplace(blob.id, plain.has_value()).second);
          if (!plain) return {};
          EXPECT_EQ(*plain, *repository_->load_blob(blob.type, blob.id, never_));
          return {};
        },
        never_);
    EXPECT_TRUE(status) << status.error().message();
    return seen;
  }

  std::shared_ptr<FaultStorage> storage_ = std::make_shared<FaultStorage>(std::make_shared<storage::MemoryStorage>());
  std::unique_ptr<Repository> repository_;
  Id id_;
  std::vector<Index::PackedBlob> all_;
  const Cancel never_;
};

TEST_F(Reading, GivesEveryBlobOnceInFewRequests) {
  ASSERT_GT(all_.size(), 100u);
  storage_->forget_calls();
  std::mutex mutex;
  size_t blobs = 0;
  const auto status = read_blobs(
      *repository_, all_,
      [&](const auto&, const Result<Bytes>& plain) -> Status {
        std::lock_guard lock(mutex);
        blobs += plain.has_value();
        return {};
      },
      never_);
  ASSERT_TRUE(status);
  EXPECT_EQ(blobs, all_.size());
  EXPECT_LT(storage_->calls().size(), 10u);
  EXPECT_EQ(read(all_).size(), all_.size());
}

TEST_F(Reading, ReadsOverSmallGapsOnly) {
  std::vector<Index::PackedBlob> some;
  for (size_t i = 0; i < all_.size(); i += 3) some.push_back(all_[i]);
  EXPECT_EQ(read(some).size(), some.size());
}

TEST_F(Reading, TellsWhatIsBadAndGivesTheRest) {
  const auto& victim = all_[all_.size() / 2];
  ASSERT_TRUE(storage_->corrupt({FileType::kPack, victim.location.pack}, victim.location.offset + 20));
  const auto seen = read(all_);
  EXPECT_EQ(seen.size(), all_.size());
  for (const auto& [id, good] : seen) EXPECT_EQ(good, id != victim.id);
}

TEST_F(Reading, ABadSectorSpoilsItsBlobOnly) {
  const auto& victim = all_[all_.size() / 2];
  storage_->spoil_sector({FileType::kPack, victim.location.pack}, victim.location.offset + 20);
  const auto seen = read(all_);
  EXPECT_EQ(seen.size(), all_.size());
  for (const auto& [id, good] : seen) EXPECT_EQ(good, id != victim.id);
}

TEST_F(Reading, WhatABadSectorSpoilsComesFromAnotherPack) {
  // Two writers that did not know of each other stored the same.
  const auto one = *testing::open_repository(storage_);
  const auto other = *testing::open_repository(storage_);
  const testing::Files files = {{"twice", testing::sample_noise(300'000, 3)}};
  for (auto* repository : {one.get(), other.get()}) ASSERT_TRUE(testing::back_up(*repository, files));
  repository_ = *testing::open_repository(storage_);
  const auto at = repository_->index().find(BlobType::kData, codec::sha256(as_bytes(files.at("twice"))));
  ASSERT_EQ(at.size(), 2u);
  const Index::PackedBlob first{BlobType::kData, codec::sha256(as_bytes(files.at("twice"))), at[0]};
  storage_->spoil_sector({FileType::kPack, at[0].pack}, at[0].offset + 20);
  EXPECT_EQ(read({first}), (std::map<Id, bool>{{first.id, true}}));
  storage_->spoil_sector({FileType::kPack, at[1].pack}, at[1].offset + 20);
  EXPECT_EQ(read({first}), (std::map<Id, bool>{{first.id, false}}));
}

TEST_F(Reading, AMissingPackSpoilsItsBlobsOnly) {
  const Id pack = all_[0].location.pack;
  ASSERT_TRUE(storage_->remove({FileType::kPack, pack}, never_));
  for (const auto& [id, good] : read(all_)) {
    const auto places = repository_->index().find(BlobType::kData, id);
    EXPECT_EQ(good, places.empty() || places[0].pack != pack);
  }
}

TEST_F(Reading, EndsWhenTheStorageDoesNotAnswer) {
  storage_->fail_call(storage::Operation::kGet, 2, Error(ErrorKind::kUnavailable, "gone"));
  const auto status = read_blobs(
      *repository_, all_, [](const auto&, const auto&) { return Status(); }, never_);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind(), ErrorKind::kUnavailable);
}

TEST_F(Reading, WalksEveryTreeOnce) {
  std::mutex mutex;
  std::set<Id> trees;
  size_t files = 0;
  const Id root = repository_->find_snapshot("latest", {}, never_)->tree;
  const auto visit = [&](const Id& id, const Result<std::vector<Node>>& nodes) -> Status {
    std::lock_guard lock(mutex);
    EXPECT_TRUE(trees.insert(id).second);
    for (const auto& node : *nodes) files += node.type == NodeType::kFile;
    return {};
  };
  ASSERT_TRUE(walk_trees(*repository_, {root, root}, visit, never_));
  EXPECT_EQ(files, 3u);
  EXPECT_GE(trees.size(), 3u);
}

TEST_F(Reading, AWalkPassesOverWhatIsKnownAndAllBelow) {
  std::atomic<size_t> visited = 0;
  const Id root = repository_->find_snapshot("latest", {}, never_)->tree;
  const auto visit = [&](const Id&, const auto&) -> Status {
    ++visited;
    return {};
  };
  ASSERT_TRUE(walk_trees(*repository_, {root}, visit, never_, [&](const Id& id) { return id != root; }));
  EXPECT_EQ(visited, 1u);
  ASSERT_TRUE(walk_trees(*repository_, {root}, visit, never_, [](const Id&) { return true; }));
  EXPECT_EQ(visited, 1u);
}

TEST_F(Reading, AWalkTellsOfADamagedTree) {
  const Id root = repository_->find_snapshot("latest", {}, never_)->tree;
  const auto at = repository_->index().find(BlobType::kTree, root).at(0);
  ASSERT_TRUE(storage_->corrupt({FileType::kPack, at.pack}, at.offset + 20));
  size_t bad = 0;
  const auto visit = [&](const Id& id, const Result<std::vector<Node>>& nodes) -> Status {
    bad += id == root && !nodes;
    return {};
  };
  ASSERT_TRUE(walk_trees(*repository_, {root}, visit, never_));
  EXPECT_EQ(bad, 1u);
}

}  // namespace
}  // namespace varve::repo
