#include "maintenance/repair_packs.h"

#include <map>

#include "codec/sha256.h"
#include "maintenance/testing/damaged_repository.h"
#include "maintenance/testing/garbage.h"
#include "repo/testing/power_cuts.h"

namespace varve::maintenance {
namespace {

using namespace testing;

class RepairPacks : public DamagedRepository {
 protected:
  void SetUp() override {
    DamagedRepository::SetUp();
    pack_ = place_of(users_, 0).pack;
    whole_ = bytes(FileType::kPack, pack_);
  }
  Result<RepairPacksResult> try_repair(const std::vector<Id>& packs) {
    const auto repository = reopen();
    SilentReporter reporter;
    const KeepCopy keep = [&](const Id& pack, ByteView bytes) -> Status {
      copies_[pack] = to_bytes(bytes);
      return {};
    };
    return repair_packs(*repository, packs, keep, reporter, Cancel());
  }
  SalvagedPack repair() {
    auto result = try_repair({pack_});
    EXPECT_TRUE(result) << result.error().message();
    return result ? result->packs.at(0) : SalvagedPack{};
  }
  /// Everything but these losses is whole.
  void expect_salvaged(uint64_t lost) {
    const auto outcome = repair();
    EXPECT_EQ(outcome.lost, lost);
    EXPECT_EQ(outcome.salvaged, 8 - lost);
    EXPECT_FALSE(memory_->stat({FileType::kPack, pack_}, Cancel()));
    EXPECT_EQ(damage().find("pack "), std::string::npos) << damage();
    if (lost == 0) EXPECT_EQ(content(snapshot_), files_);
  }

  Id pack_;
  Bytes whole_;
  std::map<Id, Bytes> copies_;
};

TEST_F(RepairPacks, SavesEveryBlobButTheBadOne) {
  const auto bad = place_of(users_, 10'000);
  ASSERT_TRUE(faulty_->corrupt({FileType::kPack, pack_}, bad.offset + 20));
  const Bytes damaged = bytes(FileType::kPack, pack_);
  const auto outcome = repair();
  EXPECT_EQ(outcome.salvaged, 7u);
  EXPECT_EQ(outcome.lost, 1u);
  ASSERT_EQ(outcome.losses.size(), 1u);
  EXPECT_NE(outcome.losses[0].find(codec::sha256(as_bytes(users_.substr(10'000, 10'000))).hex()), std::string::npos);
  EXPECT_EQ(copies_.at(pack_), damaged);
  EXPECT_NE(damage().find("is in no index"), std::string::npos) << damage();
  EXPECT_EQ(damage().find("pack"), std::string::npos) << damage();
}

TEST_F(RepairPacks, WhatIsWholeElsewhereIsNotLost) {
  repo::Repository& repository = *repository_;
  repository.index().drop_pack(pack_);
  store(files_);  // so everything is stored again
  const auto bad = place_of(users_, 10'000);
  pack_ = bad.pack;
  ASSERT_TRUE(faulty_->corrupt({FileType::kPack, pack_}, bad.offset + 20));
  EXPECT_EQ(repair().lost, 0u);
  EXPECT_EQ(damage(), "");
  EXPECT_EQ(content(snapshot_), files_);
}

TEST_F(RepairPacks, ReadsTheBlobsOfATruncatedPackByTheIndex) {
  replace(FileType::kPack, pack_, ByteView(whole_).first(whole_.size() - 10));
  expect_salvaged(0);
}

TEST_F(RepairPacks, LosesWhatWasCutOff) {
  const auto last = place_of(users_, 20'000);
  replace(FileType::kPack, pack_, ByteView(whole_).first(last.offset + 5));
  const auto outcome = repair();
  EXPECT_GE(outcome.lost, 1u);
  EXPECT_EQ(outcome.salvaged + outcome.lost, 8u);
}

TEST_F(RepairPacks, ReadsByTheHeaderWhatTheIndexDoesNotSay) {
  auto packs = indexed();
  for (auto& pack : packs) {
    if (pack.pack == pack_) pack.blobs.resize(3);
  }
  lie(packs);
  expect_salvaged(0);
}

TEST_F(RepairPacks, TakesAMissingPackOutOfTheIndex) {
  remove(FileType::kPack, pack_);
  const auto outcome = repair();
  EXPECT_TRUE(outcome.was_missing);
  EXPECT_EQ(outcome.lost, 8u);
  EXPECT_EQ(damage().find("pack"), std::string::npos) << damage();
}

TEST_F(RepairPacks, RefusesAPackThatNobodyKnows) {
  const auto packs = list(FileType::kPack);
  Id unknown;
  unknown.bytes.fill(5);
  const auto refused = try_repair({pack_, unknown});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kInvalidInput);
  EXPECT_NE(refused.error().message().find(unknown.hex()), std::string::npos);
  EXPECT_EQ(list(FileType::kPack), packs) << "nor is anything done with the others";
}

TEST_F(RepairPacks, ReadsBlobByBlobWhereTheDiskFails) {
  // Calls of get: three of opening and the index, the header, the whole, then blob by blob, each bad one twice.
  const auto repository = reopen();
  faulty_->forget_calls();
  const Error bad_sector(ErrorKind::kUnavailable, "Input/output error");
  for (const unsigned call : {2u, 4u, 5u}) faulty_->fail_call(storage::Operation::kGet, call, bad_sector);
  SilentReporter reporter;
  const auto result = repair_packs(
      *repository, {pack_}, [](const Id&, ByteView) { return Status(); }, reporter, Cancel());
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->packs.at(0).salvaged, 7u);
  EXPECT_EQ(result->packs.at(0).lost, 1u);
}

TEST_F(RepairPacks, AStorageThatDoesNotAnswerIsNoDamage) {
  const auto repository = reopen();
  faulty_->cut_power(1, storage::FaultStorage::Side::kBefore);
  ASSERT_FALSE(faulty_->remove({FileType::kLock, Id{}}, Cancel()));
  SilentReporter reporter;
  EXPECT_FALSE(repair_packs(
      *repository, {pack_}, [](const Id&, ByteView) { return Status(); }, reporter, Cancel()));
  faulty_->restore_power();
  EXPECT_EQ(damage(true), "");
}

TEST_F(RepairPacks, WithoutACopyNothingIsRemoved) {
  ASSERT_TRUE(faulty_->corrupt({FileType::kPack, pack_}, 20));
  const auto repository = reopen();
  SilentReporter reporter;
  const KeepCopy full_disk = [](const Id&, ByteView) -> Status { return fail(ErrorKind::kNoSpace, "disk full"); };
  const auto packs = list(FileType::kPack);
  const auto index = list(FileType::kIndex);
  EXPECT_FALSE(repair_packs(*repository, {pack_}, full_disk, reporter, Cancel()));
  EXPECT_EQ(list(FileType::kPack), packs);
  EXPECT_EQ(list(FileType::kIndex), index);
}

Status repair_in(const std::shared_ptr<storage::Storage>& storage, const std::vector<Id>& packs) {
  TRY_ASSIGN(const auto repository, open_repository(storage));
  SilentReporter reporter;
  TRY(repair_packs(
      *repository, packs, [](const Id&, ByteView) { return Status(); }, reporter, Cancel()));
  return {};
}

/// What a cut left to be done is done; where nothing was left, nobody knows the pack any more.
void repair_again(const std::shared_ptr<storage::Storage>& storage, const Id& pack) {
  const bool was_there = storage->stat({FileType::kPack, pack}, Cancel()).has_value();
  const auto again = repair_in(storage, {pack});
  EXPECT_EQ(again.has_value(), was_there) << again.error().message();
  EXPECT_FALSE(storage->stat({FileType::kPack, pack}, Cancel()));
}

TEST_F(RepairPacks, SurvivesPowerCuts) {
  store({{"dump/shop/more.bson", sample_noise(5'000, 3)}});
  PowerCutTest test;
  test.operation = [&](const auto& storage) { return repair_in(storage, {pack_}); };
  test.after = [&](const auto& storage) {
    testing::expect_prune_leaves_no_garbage(repo::testing::copy_of(*storage));
    repair_again(storage, pack_);
    testing::expect_prune_leaves_no_garbage(storage);
  };
  EXPECT_GE(survive_power_cuts(*memory_, test), 8u);
}

TEST_F(RepairPacks, LosesNothingMoreByPowerCuts) {
  const auto bad = place_of(users_, 10'000);
  ASSERT_TRUE(faulty_->corrupt({FileType::kPack, pack_}, bad.offset + 20));
  PowerCutTest test;
  test.operation = [&](const auto& storage) { return repair_in(storage, {pack_}); };
  test.damaged = true;
  test.after = [&](const auto& storage) {
    repair_again(storage, pack_);
    const auto repository = open_repository(storage);
    ASSERT_TRUE(repository);
    const auto& orders = files_.at("dump/shop/orders.bson");
    for (size_t at = 0; at < orders.size(); at += kBlob) {
      const Id id = codec::sha256(as_bytes(orders.substr(at, kBlob)));
      EXPECT_TRUE((*repository)->load_blob(repo::BlobType::kData, id, Cancel()));
    }
  };
  EXPECT_GE(survive_power_cuts(*memory_, test), 8u);
}

}  // namespace
}  // namespace varve::maintenance
