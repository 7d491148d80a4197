#include "maintenance/prune.h"

#include <map>

#include <gtest/gtest.h>

#include "codec/sha256.h"
#include "maintenance/testing/garbage.h"
#include "repo/index.h"
#include "repo/pack.h"
#include "repo/read_blobs.h"
#include "repo/testing/power_cuts.h"
#include "repo/testing/small_backup.h"
#include "storage/fault.h"

namespace varve::maintenance {
namespace {

using repo::BlobType;
using repo::PackedBlob;
using repo::Repository;
using repo::testing::back_up;
using repo::testing::copy_of;
using repo::testing::Files;
using repo::testing::make_repository;
using repo::testing::open_repository;
using repo::testing::read_back;
using repo::testing::sample_noise;
using repo::testing::sample_text;
using storage::FaultStorage;
using storage::FileType;
using storage::MemoryStorage;
using storage::Operation;
using StoragePtr = std::shared_ptr<storage::Storage>;

/// What is left undone is no error of a prune, but it is told.
Status all_done(const PruneResult& result) {
  return result.left.empty() ? Status() : fail(ErrorKind::kUnavailable, result.left.front());
}

Result<PruneResult> prune_at(const StoragePtr& storage, const PruneOptions& options = {}) {
  TRY_ASSIGN(const auto repository, open_repository(storage));
  SilentReporter reporter;
  return prune(*repository, options, reporter, Cancel());
}

PruneOptions with_max_unused(std::string_view limit) {
  return {.max_unused = *parse_max_unused(limit)};
}

std::vector<Id> files_of(storage::Storage& storage, FileType type) {
  std::vector<Id> ids;
  EXPECT_TRUE(storage.list(
      type,
      [&](const storage::FileInfo& file) -> Status {
        ids.push_back(file.id);
        return {};
      },
      Cancel()));
  return ids;
}

void remove_all(storage::Storage& storage, FileType type, const std::vector<Id>& ids) {
  for (const Id& id : ids) ASSERT_TRUE(storage.remove({type, id}, Cancel()));
}

std::vector<PackedBlob> blobs_of(Repository& repository) {
  std::vector<PackedBlob> blobs;
  repository.index().for_each([&](BlobType type, const Id& id, const repo::BlobLocation& at) {
    blobs.push_back({type, id, at});
  });
  return blobs;
}

/// The files of one state of a folder; `n` tells which.
Files state(unsigned n) {
  return {{"same", sample_text(40'000, 1)},
          {"dir/often", sample_text(20'000, 100 + n)},
          {"dir/noise", sample_noise(9'000, n / 2)},
          {"dir/sub/own-" + std::to_string(n), sample_text(5'000, 200 + n)}};
}

/// Two snapshots, one of them forgotten: packs of which about half is used.
std::shared_ptr<MemoryStorage> half_used() {
  auto storage = std::make_shared<MemoryStorage>();
  const auto repository = make_repository(storage);
  const auto first = back_up(*repository, state(0), {.blob_size = 4096});
  EXPECT_TRUE(first);
  Files less = state(0);
  less.erase("dir/often");
  EXPECT_TRUE(back_up(*repository, less, {.blob_size = 4096}));
  EXPECT_TRUE(storage->remove({FileType::kSnapshot, *first}, Cancel()));
  return storage;
}

/// Two writers that did not know of each other stored the same.
std::shared_ptr<MemoryStorage> with_duplicates() {
  auto storage = std::make_shared<MemoryStorage>();
  const auto one = make_repository(storage);
  const auto other = *open_repository(storage);
  EXPECT_TRUE(back_up(*one, state(1), {.blob_size = 4096}));
  EXPECT_TRUE(back_up(*other, state(1), {.blob_size = 4096, .host = "other"}));
  EXPECT_TRUE(back_up(*other, state(2), {.blob_size = 4096, .host = "other"}));
  return storage;
}

/// Everything in one pack, trees beside data and not compressed, as old programs wrote; listed by two index files.
std::shared_ptr<MemoryStorage> mixed_and_uncompressed() {
  auto storage = std::make_shared<MemoryStorage>();
  const auto repository = make_repository(storage);
  EXPECT_TRUE(back_up(*repository, state(3), {.blob_size = 4096}));
  const auto old_packs = files_of(*storage, FileType::kPack);
  const auto old_index = files_of(*storage, FileType::kIndex);

  repo::PackBuilder pack(1u << 20);
  for (const auto& blob : blobs_of(*repository)) {
    const auto plain = repository->load_blob(blob.type, blob.id, Cancel());
    Bytes unit;
    codec::seal(repository->key(), codec::random_iv(), *plain, unit);
    pack.add(blob.type, blob.id, unit, 0);
  }
  pack.finish(repository->key(), codec::random_iv());
  const Id id = codec::sha256(pack.bytes());
  const ByteView pieces[] = {pack.bytes()};
  EXPECT_TRUE(storage->put({FileType::kPack, id}, pieces, Cancel()));
  const auto json = repo::encode_index({{id, pack.place_in(id)}});
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(repository->save_file(FileType::kIndex, json, Cancel()));
  remove_all(*storage, FileType::kPack, old_packs);
  remove_all(*storage, FileType::kIndex, old_index);
  return storage;
}

/// A backup that was cut off after its packs, before its index.
std::shared_ptr<MemoryStorage> with_unindexed_packs() {
  auto storage = half_used();
  const auto before = files_of(*storage, FileType::kIndex);
  const auto repository = *open_repository(storage);
  const auto id = back_up(*repository, state(7));
  EXPECT_TRUE(storage->remove({FileType::kSnapshot, *id}, Cancel()));
  for (const Id& file : files_of(*storage, FileType::kIndex)) {
    if (std::find(before.begin(), before.end(), file) == before.end()) {
      EXPECT_TRUE(storage->remove({FileType::kIndex, file}, Cancel()));
    }
  }
  return storage;
}

/// A dozen backups, each with its own small packs.
std::shared_ptr<MemoryStorage> with_small_packs() {
  auto storage = std::make_shared<MemoryStorage>();
  for (unsigned n = 0; n < 12; ++n) {
    const auto repository = n == 0 ? make_repository(storage) : *open_repository(storage);
    EXPECT_TRUE(back_up(*repository, state(n), {.blob_size = 4096}));
  }
  return storage;
}

/// What a prune leaves that was cut off at its n-th write.
std::shared_ptr<MemoryStorage> cut_off(const std::shared_ptr<MemoryStorage>& before, unsigned write) {
  const auto below = copy_of(*before);
  const auto storage = std::make_shared<FaultStorage>(below);
  storage->cut_power(write, FaultStorage::Side::kAfter);
  (void)prune_at(storage, with_max_unused("0"));
  EXPECT_FALSE(storage->has_power());
  return below;
}

TEST(Prune, RemovesExactlyWhatNoSnapshotNeeds) {
  for (const auto& shape : {half_used(), with_duplicates(), mixed_and_uncompressed(), with_unindexed_packs(),
                            with_small_packs(), std::make_shared<MemoryStorage>()}) {
    if (files_of(*shape, FileType::kKey).empty()) (void)make_repository(shape);
    const auto before = *open_repository(shape);
    std::map<Id, Files> contents;
    const auto snapshots = *before->snapshots(Cancel());
    for (const auto& snapshot : snapshots) {
      contents[snapshot.id] = *read_back(*before, snapshot.id);
    }
    testing::expect_prune_leaves_no_garbage(shape);
    const auto after = *open_repository(shape);
    for (const auto& [id, files] : contents) EXPECT_EQ(*read_back(*after, id), files);
  }
}

TEST(Prune, SaysWhatItDoes) {
  const auto storage = half_used();
  const auto planned = prune_at(storage, {.dry_run = true});
  const auto done = prune_at(storage);
  ASSERT_TRUE(planned && done);
  for (const auto& result : {*planned, *done}) {
    const auto& [blobs, bytes, packs] = result.stats;
    EXPECT_EQ(blobs.total, blobs.used + blobs.unused);
    EXPECT_GT(blobs.unused, 5u);
    EXPECT_EQ(packs.partly_used, 2u) << "one of data, one of trees";
    EXPECT_EQ(packs.repack, 2u);
    EXPECT_EQ(blobs.remaining, blobs.used);
    EXPECT_EQ(bytes.remaining, bytes.used);
    EXPECT_EQ(bytes.remaining_unused, 0u);
    EXPECT_EQ(result.snapshots, 1u);
  }
  const auto again = prune_at(storage);
  EXPECT_EQ(again->stats.blobs.total, done->stats.blobs.used);
  EXPECT_EQ(again->stats.packs.keep, 3u) << "the two new ones and the trees of the second backup";
  EXPECT_EQ(again->stats.blobs.remove_total, 0u);
}

/// Whether nothing that is stored was changed since the calls were forgotten.
bool untouched(const FaultStorage& storage) {
  const auto calls = storage.calls();
  return std::none_of(calls.begin(), calls.end(), [](const auto& call) { return is_write(call.operation); });
}

TEST(Prune, ADryRunWritesNothing) {
  const auto storage = std::make_shared<FaultStorage>(with_unindexed_packs());
  ASSERT_TRUE(prune_at(storage, {.dry_run = true}));
  EXPECT_TRUE(untouched(*storage));
}

TEST(Prune, ADryRunLeavesOutSnapshotsThatAreToGo) {
  const auto storage = with_duplicates();
  PruneOptions options{.dry_run = true};
  options.without = files_of(*storage, FileType::kSnapshot);
  const auto result = prune_at(storage, options);
  EXPECT_EQ(result->snapshots, 0u);
  EXPECT_EQ(result->stats.blobs.used, 0u);
  EXPECT_EQ(result->stats.blobs.remaining, 0u);
}

TEST(Prune, LeavesUnusedDataUpToTheLimit) {
  EXPECT_EQ(prune_at(half_used(), with_max_unused("0"))->stats.bytes.remaining_unused, 0u);
  // Small packs and packs with trees are repacked whatever the limit.
  auto storage = std::make_shared<MemoryStorage>();
  const auto repository = make_repository(storage);
  Files files;
  for (unsigned n = 0; n < 24; ++n) files["f" + std::to_string(10 + n)] = sample_noise(1u << 20, n);
  const auto first = back_up(*repository, files, {.writer = {.pack_size = 4u << 20}});
  for (unsigned n = 0; n < 24; n += 3) files.erase("f" + std::to_string(10 + n));
  EXPECT_TRUE(back_up(*repository, files));
  EXPECT_TRUE(storage->remove({FileType::kSnapshot, *first}, Cancel()));
  const auto unused_after = [&](std::string_view limit) {
    const auto copy = copy_of(*storage);
    const auto result = prune_at(copy, with_max_unused(limit));
    EXPECT_EQ(prune_at(copy, with_max_unused("unlimited"))->stats.bytes.unused, result->stats.bytes.remaining_unused);
    return result->stats.bytes.remaining_unused;
  };
  const uint64_t all = prune_at(storage, {.dry_run = true})->stats.bytes.unused;
  EXPECT_EQ(unused_after("0"), 0u);
  EXPECT_EQ(unused_after("0%"), 0u);
  EXPECT_LT(unused_after("20%"), all);
  EXPECT_GT(unused_after("20%"), 0u);
  EXPECT_GE(unused_after("unlimited"), unused_after("20%"));
  EXPECT_LE(unused_after("2M"), 2u << 20);
}

TEST(Prune, RepacksNoMoreThanItMay) {
  auto options = with_max_unused("0");
  options.max_repack_size = 0;
  EXPECT_EQ(prune_at(half_used(), options)->stats.packs.repack, 0u);
  options = with_max_unused("0");
  options.repack_cacheable_only = true;
  const auto result = prune_at(half_used(), options);
  EXPECT_EQ(result->stats.packs.repack, 1u);
  EXPECT_GT(result->stats.bytes.remaining_unused, 1000u);
}

TEST(Prune, JoinsSmallPacksWhenThereAreEnough) {
  const auto storage = with_small_packs();
  EXPECT_EQ(files_of(*storage, FileType::kPack).size(), 24u);
  ASSERT_TRUE(prune_at(storage));
  EXPECT_EQ(files_of(*storage, FileType::kPack).size(), 2u);
  EXPECT_EQ(prune_at(storage)->stats.packs.repack, 0u);
}

TEST(Prune, CompressesWhatIsNotWhenAsked) {
  const auto storage = std::make_shared<MemoryStorage>();
  const auto repository = make_repository(storage);
  ASSERT_TRUE(back_up(*repository, state(0), {.writer = {.compression = codec::Compression::kOff}}));
  EXPECT_EQ(prune_at(storage)->stats.packs.repack, 0u);
  PruneOptions options;
  options.repack_uncompressed = true;
  const auto result = prune_at(storage, options);
  EXPECT_EQ(result->stats.packs.repack, 1u);
  for (const auto& blob : blobs_of(**open_repository(storage))) EXPECT_NE(blob.location.plain_length, 0u);
  EXPECT_EQ(prune_at(storage, options)->stats.packs.repack, 0u) << "also what compression made no smaller";
}

TEST(Prune, TouchesNothingWhereSomethingNeededIsMissing) {
  const auto expect_refusal = [](const std::shared_ptr<MemoryStorage>& damaged, std::string_view words) {
    const auto storage = std::make_shared<FaultStorage>(damaged);
    const auto result = prune_at(storage);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind(), ErrorKind::kCorrupt);
    EXPECT_NE(result.error().message().find(words), std::string::npos) << result.error().message();
    EXPECT_TRUE(untouched(*storage));
  };
  const auto pack_of = [](const StoragePtr& storage, BlobType type) {
    for (const auto& blob : blobs_of(**open_repository(storage))) {
      if (blob.type == type) return storage::Handle{FileType::kPack, blob.location.pack};
    }
    return storage::Handle{};
  };
  auto storage = with_unindexed_packs();
  ASSERT_TRUE(storage->remove(pack_of(storage, BlobType::kData), Cancel()));
  expect_refusal(storage, "is missing");

  storage = with_unindexed_packs();
  ASSERT_TRUE(FaultStorage(storage).truncate(pack_of(storage, BlobType::kData), 5000));
  expect_refusal(storage, "has 5000 bytes");

  storage = with_unindexed_packs();
  ASSERT_TRUE(storage->remove(pack_of(storage, BlobType::kTree), Cancel()));
  expect_refusal(storage, "tree");

  storage = with_unindexed_packs();
  remove_all(*storage, FileType::kIndex, files_of(*storage, FileType::kIndex));
  expect_refusal(storage, "is in no");

  storage = with_unindexed_packs();
  ASSERT_TRUE(FaultStorage(storage).corrupt({FileType::kSnapshot, files_of(*storage, FileType::kSnapshot)[0]}, 20));
  expect_refusal(storage, "snapshot");
}

TEST(Prune, TouchesNothingWhereAListingLeftSomethingOut) {
  for (const FileType type : {FileType::kSnapshot, FileType::kIndex}) {
    const auto memory = half_used();
    const auto faults = std::make_shared<FaultStorage>(memory);
    const Id left_out = files_of(*memory, type).back();
    const auto packs = files_of(*memory, FileType::kPack);
    const auto bytes = *memory->get({type, left_out}, 0, 0, Cancel());
    const auto again = [&] {
      const ByteView pieces[] = {bytes};
      ASSERT_TRUE(memory->put({type, left_out}, pieces, Cancel()));
    };
    if (type == FileType::kSnapshot) {
      ASSERT_TRUE(memory->remove({type, left_out}, Cancel()));
      faults->meanwhile(Operation::kList, FileType::kPack, again);
    } else {  // one that the plan needs: it is gone when the plan has been made
      faults->meanwhile(Operation::kList, FileType::kPack, [&] {
        ASSERT_TRUE(memory->remove({type, left_out}, Cancel()));
      });
    }
    const auto pruned = prune_at(faults, with_max_unused("0"));
    ASSERT_FALSE(pruned);
    EXPECT_NE(pruned.error().message().find("so nothing was removed"), std::string::npos) << pruned.error().message();
    EXPECT_EQ(files_of(*memory, FileType::kPack), packs);
  }
}

TEST(Prune, DamageInWhatIsCopiedKeepsEverything) {
  const auto below = half_used();
  const auto blobs = blobs_of(**open_repository(below));
  const auto data = std::find_if(blobs.begin(), blobs.end(), [](const auto& b) { return b.type == BlobType::kData; });
  // Every blob of the pack: one of them is needed.
  FaultStorage fault(below);
  for (const auto& blob : blobs) {
    if (blob.location.pack == data->location.pack) {
      ASSERT_TRUE(fault.corrupt({FileType::kPack, blob.location.pack}, blob.location.offset + 20));
    }
  }
  const auto storage = std::make_shared<FaultStorage>(below);
  const auto result = prune_at(storage, with_max_unused("0"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kCorrupt);
  for (const auto& call : storage->calls()) EXPECT_NE(call.operation, Operation::kRemove);
}

TEST(Prune, UsesTheGoodCopyOfADamagedBlob) {
  const auto storage = with_duplicates();
  const auto repository = *open_repository(storage);
  // One of the two packs that hold the same is cut short: its blobs are elsewhere, so it may go.
  std::map<Id, size_t> copies;
  for (const auto& blob : blobs_of(*repository))
    copies[blob.location.pack] += repository->index().find(blob.type, blob.id).size() > 1;
  const auto pack = std::find_if(copies.begin(), copies.end(), [&](const auto& entry) {
    for (const auto& blob : blobs_of(*repository)) {
      if (blob.location.pack == entry.first && repository->index().find(blob.type, blob.id).size() < 2) return false;
    }
    return true;
  });
  ASSERT_NE(pack, copies.end());
  ASSERT_TRUE(FaultStorage(storage).truncate({FileType::kPack, pack->first}, 100));
  testing::expect_prune_leaves_no_garbage(storage);
}

TEST(Prune, ForgetsMissingPacksThatNobodyNeeds) {
  const auto storage = half_used();
  {
    const auto repository = *open_repository(storage);
    const auto id = back_up(*repository, {{"gone", sample_text(9000, 77)}}, {.host = "gone"});
    const auto places = blobs_of(*repository);
    ASSERT_TRUE(storage->remove({FileType::kSnapshot, *id}, Cancel()));
  }
  Id missing;
  {
    const auto repository = *open_repository(storage);
    const auto blob = codec::sha256(as_bytes(sample_text(9000, 77)));
    missing = repository->index().find(BlobType::kData, blob).at(0).pack;
  }
  ASSERT_TRUE(storage->remove({FileType::kPack, missing}, Cancel()));
  const auto result = prune_at(storage);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->missing_packs, std::vector<Id>{missing});
  testing::expect_prune_leaves_no_garbage(storage);
}

TEST(Prune, NamesPacksThatCouldNotBeRemoved) {
  const auto below = half_used();
  const auto storage = std::make_shared<FaultStorage>(below);
  storage->fail_call(Operation::kRemove, 3, Error(ErrorKind::kDenied, "no right to remove"));
  const auto result = prune_at(storage);  // removes an index file first, then two packs
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->left.size(), 1u);
  testing::expect_prune_leaves_no_garbage(below);
}

/// A storage may lose what it has taken.
TEST(Prune, RemovesNothingForWhatCannotBeReadBack) {
  for (const FileType type : {FileType::kPack, FileType::kIndex}) {
    const auto below = half_used();
    const auto before = *open_repository(below);
    const auto snapshot = before->snapshots(Cancel())->at(0);
    const Files files = *read_back(*before, snapshot.id);
    const auto packs = files_of(*below, FileType::kPack);
    const auto index = files_of(*below, FileType::kIndex);

    const auto storage = std::make_shared<FaultStorage>(below);
    storage->spoil_puts(type);
    const auto result = prune_at(storage, with_max_unused("0"));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind(), ErrorKind::kCorrupt);
    EXPECT_NE(result.error().message().find("read back"), std::string::npos) << result.error().message();
    for (const Id& id : packs) EXPECT_TRUE(below->stat({FileType::kPack, id}, Cancel()));
    EXPECT_EQ(files_of(*below, FileType::kIndex), index) << "what is damaged is in nobody's way";
    const auto after = open_repository(below);
    ASSERT_TRUE(after) << after.error().message();
    EXPECT_EQ(*read_back(**after, snapshot.id), files);
    testing::expect_prune_leaves_no_garbage(below);
    EXPECT_EQ(*read_back(**open_repository(below), snapshot.id), files);
  }
}

/// Packs, index, then the removal of the old index and last of the old packs.
TEST(Prune, WritesBeforeItRemoves) {
  for (const auto& shape : {half_used(), with_duplicates(), mixed_and_uncompressed(), with_small_packs()}) {
    const auto storage = std::make_shared<FaultStorage>(shape);
    ASSERT_TRUE(prune_at(storage, with_max_unused("0")));
    const auto stage = [](const FaultStorage::Call& call) {
      const bool removes = call.operation == Operation::kRemove;
      const bool is_pack = call.handle.type == FileType::kPack;
      return removes ? (is_pack ? 4 : 3) : (is_pack ? 1 : 2);
    };
    int last = 0;
    for (const auto& call : storage->calls()) {
      if (!is_write(call.operation)) continue;
      EXPECT_GE(stage(call), last) << call.handle.path();
      last = stage(call);
    }
    EXPECT_EQ(last, 4);
  }
}

size_t survive(const std::shared_ptr<MemoryStorage>& prepared, const PruneOptions& options) {
  repo::testing::PowerCutTest test;
  test.operation = [&](const StoragePtr& storage) -> Status {
    TRY_ASSIGN(const auto result, prune_at(storage, options));
    return all_done(result);
  };
  test.after = testing::expect_prune_leaves_no_garbage;
  return repo::testing::survive_power_cuts(*prepared, test);
}

TEST(PrunePower, UnusedData) {
  EXPECT_GE(survive(half_used(), {}), 12u);
}
TEST(PrunePower, Duplicates) {
  EXPECT_GE(survive(with_duplicates(), with_max_unused("0")), 6u);
}
TEST(PrunePower, MixedPacksAndUncompressedTrees) {
  EXPECT_GE(survive(mixed_and_uncompressed(), {}), 12u);
}
TEST(PrunePower, UnindexedPacks) {
  EXPECT_GE(survive(with_unindexed_packs(), {}), 16u);
}
TEST(PrunePower, SmallPacks) {
  EXPECT_GE(survive(with_small_packs(), {}), 50u);
}

TEST(PrunePower, LeftoversOfACrashedPrune) {
  const auto before = half_used();
  const auto whole = std::make_shared<FaultStorage>(copy_of(*before));
  ASSERT_TRUE(prune_at(whole, with_max_unused("0")));
  unsigned writes = 0;
  for (const auto& call : whole->calls()) writes += is_write(call.operation) ? 1 : 0;
  ASSERT_GE(writes, 6u);
  size_t cuts = 0;
  for (unsigned write = 1; write < writes; ++write) cuts += survive(cut_off(before, write), with_max_unused("0"));
  EXPECT_GE(cuts, 20u);
}

/// A prune that was cut off after its new packs were indexed need not copy them again.
TEST(PrunePower, DoesNotDoTheSameWorkTwice) {
  for (const auto& before : {half_used(), with_small_packs(), mixed_and_uncompressed()}) {
    const auto first = std::make_shared<FaultStorage>(copy_of(*before));
    ASSERT_TRUE(prune_at(first, with_max_unused("0")));
    unsigned writes = 0;
    for (const auto& call : first->calls()) {
      if (!is_write(call.operation)) continue;
      ++writes;
      if (call.operation == Operation::kPut && call.handle.type == FileType::kIndex) break;  // names the new packs
    }
    const auto storage = cut_off(before, writes);
    const auto result = prune_at(storage, with_max_unused("0"));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->stats.packs.repack, 0u);
    EXPECT_GT(result->stats.packs.remove, 0u);
    testing::expect_prune_leaves_no_garbage(storage);
  }
}

}  // namespace
}  // namespace varve::maintenance
