#include "maintenance/copy.h"

#include <algorithm>
#include <optional>

#include <gtest/gtest.h>

#include "codec/sha256.h"
#include "maintenance/testing/garbage.h"
#include "repo/check.h"
#include "repo/saved_snapshots.h"
#include "repo/testing/power_cuts.h"
#include "storage/fault.h"

namespace varve::maintenance {
namespace {

using namespace repo::testing;
using repo::BlobType;
using repo::Repository;
using storage::FaultStorage;
using storage::FileType;
using storage::MemoryStorage;
using Kind = CopyOutcome::Kind;

std::vector<repo::Snapshot> all_of(Repository& repository) {
  return *repository.snapshots(Cancel());
}

/// A source with three snapshots, and an empty destination, both on storages that can fail.
class CopyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BackupOptions options;
    options.blob_size = 10'000;
    first_ = *back_up(*from_, {{"a", text_}, {"dir/b", noise_}}, options);
    options.time += std::chrono::hours(1);
    options.tags = {"second"};
    second_ = *back_up(*from_, {{"a", text_ + "more"}, {"dir/b", noise_}}, options);
    options.time += std::chrono::hours(1);
    third_ = *back_up(*from_, {{"c", "alone"}}, options);
  }

  static Result<CopyResult> copy_all(Repository& from, Repository& to, CopyOptions options = {},
                                     std::vector<CopyOutcome>* decided = nullptr) {
    SilentReporter silent;
    TRY_ASSIGN(const auto all, from.snapshots(Cancel()));
    const auto note = [&](const CopyOutcome& outcome) {
      if (decided) decided->push_back(outcome);
    };
    return copy(from, to, all, options, note, silent, Cancel());
  }
  CopyResult run(CopyOptions options = {}) {
    auto result = copy_all(*from_, *to_, options);
    EXPECT_TRUE(result) << result.error().message();
    return result ? std::move(*result) : CopyResult{};
  }

  static void expect_sound(Repository& repository) {
    const auto checked = check(repository, {.read_data = true}, {}, Cancel());
    ASSERT_TRUE(checked) << checked.error().message();
    for (const auto& finding : checked->findings) {
      EXPECT_NE(finding.severity, repo::Finding::Severity::kError) << finding.what;
    }
  }
  /// Every outcome of kind kCopied reads back as its source does.
  void expect_same(const CopyResult& result) {
    for (const auto& outcome : result.outcomes) {
      if (outcome.kind == Kind::kFailed) continue;
      EXPECT_EQ(*read_back(*to_, outcome.copy), *read_back(*from_, outcome.source));
    }
    expect_sound(*to_);
  }
  repo::BlobLocation place_of(BlobType type, const Id& id) { return from_->index().find(type, id).at(0); }
  /// Damages the first blob of a file of a source's snapshot.
  void damage(const Id& snapshot, const std::string& path) {
    const auto node = repo::find_node(*from_, from_->find_snapshot(snapshot.hex(), {}, Cancel())->tree, path, Cancel());
    const auto at = place_of(BlobType::kData, node->content.at(0));
    ASSERT_TRUE(source_->corrupt({FileType::kPack, at.pack}, at.offset + 20));
  }
  static size_t calls(const FaultStorage& storage, storage::Operation operation, FileType type) {
    const auto all = storage.calls();
    return static_cast<size_t>(std::ranges::count_if(
        all, [&](const auto& call) { return call.operation == operation && call.handle.type == type; }));
  }

  const std::string text_ = sample_text(60'000, 1), noise_ = sample_noise(40'000, 2);
  std::shared_ptr<FaultStorage> source_ = std::make_shared<FaultStorage>(std::make_shared<MemoryStorage>());
  std::shared_ptr<FaultStorage> destination_ = std::make_shared<FaultStorage>(std::make_shared<MemoryStorage>());
  std::unique_ptr<Repository> from_ = make_repository(source_), to_ = make_repository(destination_);
  Id first_, second_, third_;
};

/// Whichever of them is copied from, into the other or into a third.
TEST_F(CopyTest, WhatABackupStoredInSeveralIsThereAlready) {
  const auto one = make_repository(std::make_shared<MemoryStorage>());
  const auto other = make_repository(std::make_shared<MemoryStorage>());
  SilentReporter silent;
  repo::Destinations to({{*one, {}}, {*other, {}}, {*to_, {}}}, {}, silent);
  repo::SnapshotToSave what;
  what.snapshot.time = system_clock().now();
  what.snapshot.paths = {"/x"};
  what.parents.resize(3);
  repo::Writer writer(to, {});
  const std::string_view empty = "{\"nodes\":[]}\n";
  what.snapshot.tree = codec::sha256(as_bytes(empty));
  ASSERT_TRUE(writer.save(BlobType::kTree, to_bytes(as_bytes(empty)), [](const Id&) {}));
  ASSERT_TRUE(writer.finish());
  ASSERT_TRUE(repo::save_snapshots(to, writer, what));
  for (auto* source : {one.get(), other.get(), to_.get()}) {
    for (auto* target : {one.get(), other.get(), to_.get()}) {
      if (source == target) continue;
      const auto result = copy_all(*source, *target);
      ASSERT_TRUE(result) << result.error().message();
      EXPECT_EQ(result->count(Kind::kThere), 1u);
      EXPECT_EQ(all_of(*target).size(), 1u);
    }
  }
}

TEST_F(CopyTest, CopiesEverySnapshotOnce) {
  const auto result = run();
  EXPECT_EQ(result.count(Kind::kCopied), 3u);
  expect_same(result);
  EXPECT_EQ(calls(*destination_, storage::Operation::kPut, FileType::kPack), 2u);  // they share packs: data, trees
  for (const auto& snapshot : all_of(*to_)) {
    const auto source = from_->find_snapshot(snapshot.original->hex(), {}, Cancel());
    ASSERT_TRUE(source);
    EXPECT_TRUE(is_same_backup(snapshot, *source));
    EXPECT_EQ(snapshot.program_version, source->program_version);
  }

  destination_->forget_calls();
  const auto again = run();
  EXPECT_EQ(again.count(Kind::kThere), 3u);
  EXPECT_EQ(calls(*destination_, storage::Operation::kPut, FileType::kSnapshot), 0u);
  EXPECT_EQ(calls(*destination_, storage::Operation::kPut, FileType::kPack), 0u);
}

TEST_F(CopyTest, ReadsOnlyWhatTheDestinationLacks) {
  BackupOptions options;
  options.blob_size = 10'000;
  ASSERT_TRUE(back_up(*to_, {{"a", text_}, {"dir/b", noise_}}, options));  // the same trees and blobs
  const auto only_first = *from_->find_snapshot(first_.hex(), {}, Cancel());
  SilentReporter silent;
  source_->forget_calls();
  const auto result = copy(*from_, *to_, {only_first}, {}, {}, silent, Cancel());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->count(Kind::kCopied), 1u);  // a snapshot of the same data is no copy
  EXPECT_EQ(result->stored.data_blobs_new + result->stored.tree_blobs_new, 0u);
  EXPECT_EQ(calls(*source_, storage::Operation::kGet, FileType::kPack), 2u);  // its two trees, for the walk
}

TEST_F(CopyTest, ACopyOfACopyIsKnownByItsFirstId) {
  const auto there = run();
  EXPECT_EQ(there.count(Kind::kCopied), 3u);
  const auto back = copy_all(*to_, *from_);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->count(Kind::kThere), 3u);
  const auto third = make_repository(std::make_shared<MemoryStorage>());
  ASSERT_EQ(copy_all(*to_, *third)->count(Kind::kCopied), 3u);
  EXPECT_EQ(copy_all(*from_, *third)->count(Kind::kThere), 3u);
}

TEST_F(CopyTest, ASnapshotWithOtherTagsIsAnother) {
  run();
  auto changed = *from_->find_snapshot(first_.hex(), {}, Cancel());
  changed.tags = {"kept"};
  changed.original = first_;
  ASSERT_TRUE(from_->save_snapshot(changed, Cancel()));
  const auto again = run();
  EXPECT_EQ(again.count(Kind::kCopied), 1u);
  EXPECT_EQ(again.count(Kind::kThere), 3u);
}

TEST_F(CopyTest, ParentsAreNotCopied) {
  auto child = *from_->find_snapshot(third_.hex(), {}, Cancel());
  child.parent = first_;
  child.time += std::chrono::hours(1);
  const Id id = *from_->save_snapshot(child, Cancel());
  run();
  for (const auto& snapshot : all_of(*to_)) {
    EXPECT_FALSE(snapshot.parent);
  }
  EXPECT_TRUE(from_->find_snapshot(id.hex(), {}, Cancel())->parent);
}

TEST_F(CopyTest, DamageKeepsASnapshotBackAndNoOther) {
  damage(second_, "a");  // shared with the first one
  const auto result = run();
  EXPECT_EQ(result.count(Kind::kFailed), 2u);
  EXPECT_EQ(result.count(Kind::kCopied), 1u);
  for (const auto& outcome : result.outcomes) {
    if (outcome.kind != Kind::kFailed) continue;
    EXPECT_NE(outcome.why.find("data blob"), std::string::npos) << outcome.why;
  }
  EXPECT_EQ(to_->snapshots(Cancel())->size(), 1u);
  expect_same(result);
}

TEST_F(CopyTest, ADamagedOrMissingTreeKeepsItsSnapshotBack) {
  const Id tree = from_->find_snapshot(third_.hex(), {}, Cancel())->tree;
  const auto at = place_of(BlobType::kTree, tree);
  ASSERT_TRUE(source_->corrupt({FileType::kPack, at.pack}, at.offset + 20));
  const auto result = run();
  EXPECT_EQ(result.count(Kind::kFailed), 1u);
  EXPECT_EQ(result.count(Kind::kCopied), 2u);
  expect_same(result);
}

TEST_F(CopyTest, ABlobThatNoIndexKnowsKeepsItsSnapshotBack) {
  const auto node = repo::find_node(*from_, from_->find_snapshot(third_.hex(), {}, Cancel())->tree, "c", Cancel());
  from_->index().drop_pack(place_of(BlobType::kData, node->content.at(0)).pack);
  const auto result = run();
  EXPECT_EQ(result.count(Kind::kFailed), 1u);
  expect_same(result);
}

TEST_F(CopyTest, TheSameBytesMayBeATreeAndAFile) {
  const auto snapshot = *from_->find_snapshot(third_.hex(), {}, Cancel());
  const auto tree = *from_->load_blob(BlobType::kTree, snapshot.tree, Cancel());
  BackupOptions options;
  options.time += std::chrono::hours(2);  // so that the folder below is the third snapshot's tree again
  options.tags = {"second"};
  ASSERT_TRUE(back_up(*from_, {{"dir/c", "alone"}, {"dir.json", std::string(as_text(tree))}}, options));
  const auto result = run();
  EXPECT_EQ(result.count(Kind::kCopied), 4u);
  EXPECT_TRUE(to_->index().has(BlobType::kTree, snapshot.tree));
  EXPECT_TRUE(to_->index().has(BlobType::kData, snapshot.tree));
  expect_same(result);
}

TEST_F(CopyTest, CompressesAsTheDestinationWantsIt) {
  CopyOptions options;
  options.writer.compression = codec::Compression::kOff;
  run(options);
  to_->index().for_each([&](BlobType type, const Id& id, const repo::BlobLocation& at) {
    EXPECT_EQ(at.plain_length == 0, type == BlobType::kData) << id.hex();
  });
}

TEST_F(CopyTest, WhatWasCompleteStaysWhenTheSourceGoesAway) {
  std::vector<CopyOutcome> decided;
  const auto all = *from_->snapshots(Cancel());
  SilentReporter silent;
  // The walk to the third snapshot asks for its tree, after all that the others needed.
  source_->forget_calls();
  ASSERT_TRUE(
      copy(*from_, *make_repository(std::make_shared<MemoryStorage>()), {all[0], all[1]}, {}, {}, silent, Cancel()));
  const auto reads = calls(*source_, storage::Operation::kGet, FileType::kPack);
  source_->fail_call(storage::Operation::kGet, static_cast<unsigned>(reads + 1),
                     Error(ErrorKind::kUnavailable, "the line is dead"));
  const auto result = copy(
      *from_, *to_, all, {}, [&](const CopyOutcome& outcome) { decided.push_back(outcome); }, silent, Cancel());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(decided.size(), 2u);
  EXPECT_EQ(to_->snapshots(Cancel())->size(), 2u);
  expect_sound(*to_);
  EXPECT_EQ(run().count(Kind::kCopied), 1u);
}

TEST_F(CopyTest, AFullDestinationHasNoHalfSnapshot) {
  destination_->fail_call(storage::Operation::kPut, 2, Error(ErrorKind::kNoSpace, "the disk is full"));
  const auto result = copy_all(*from_, *to_);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kNoSpace);
  EXPECT_TRUE(to_->snapshots(Cancel())->empty());
  expect_sound(*open_repository(destination_)->get());
  const auto again = run();  // what was claimed but never stored is not taken for stored
  EXPECT_EQ(again.count(Kind::kCopied), 3u);
  expect_same(again);
}

class CopyCuts : public CopyTest, public ::testing::WithParamInterface<unsigned> {};

TEST_P(CopyCuts, LeaveNothingDangling) {
  BackupOptions options;
  options.host = "other";
  ASSERT_TRUE(back_up(*to_, {{"own", "of the destination"}}, options));
  PowerCutTest test;
  const CopyOptions copying{.packs_a_batch = GetParam()};
  test.operation = [&](const auto& storage) -> Status {
    TRY_ASSIGN(const auto to, open_repository(storage));
    TRY(copy_all(*from_, *to, copying));
    return {};
  };
  test.after = [&](const auto& storage) {
    testing::expect_prune_leaves_no_garbage(repo::testing::copy_of(*storage));
    const auto to = *open_repository(storage);
    const auto again = copy_all(*from_, *to, copying);
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(to->snapshots(Cancel())->size(), 4u);  // a copy whose writing was not heard of is found again
    expect_sound(*to);
  };
  EXPECT_GE(survive_power_cuts(*destination_, test), 2u * (2 + 1 + 3));
}

INSTANTIATE_TEST_SUITE_P(Batches, CopyCuts, ::testing::Values(0u, 32u));

}  // namespace
}  // namespace varve::maintenance
