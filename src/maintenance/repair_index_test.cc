#include "maintenance/repair_index.h"

#include <algorithm>

#include "codec/sha256.h"
#include "maintenance/testing/damaged_repository.h"
#include "maintenance/testing/garbage.h"
#include "repo/pack.h"
#include "repo/testing/power_cuts.h"

namespace varve::maintenance {
namespace {

using namespace testing;
using repo::BlobType;
using repo::IndexedPack;

class RepairIndex : public DamagedRepository {
 protected:
  RepairIndexResult repair(bool read_all_packs = false) {
    SilentReporter reporter;
    auto result = repair_index(*repository_, {read_all_packs}, reporter, Cancel());
    EXPECT_TRUE(result) << result.error().message();
    return result ? std::move(*result) : RepairIndexResult{};
  }
  /// Repairs, and expects everything to be whole and a second repair to have nothing to do.
  RepairIndexResult expect_healed(bool read_all_packs = false) {
    auto result = repair(read_all_packs);
    EXPECT_TRUE(result.changed());
    EXPECT_EQ(damage(true), "");
    EXPECT_EQ(content(snapshot_), files_);
    EXPECT_FALSE(repair().changed());
    return result;
  }
  size_t position(BlobType type, const std::vector<IndexedPack>& packs) {
    for (size_t i = 0; i < packs.size(); ++i) {
      if (packs[i].blobs.at(0).type == type) return i;
    }
    return packs.size();
  }
};

TEST_F(RepairIndex, LeavesASoundOneAlone) {
  for (const bool read_all_packs : {false, true}) {
    faulty_->forget_calls();
    EXPECT_FALSE(repair(read_all_packs).changed());
    for (const auto& call : faulty_->calls()) EXPECT_FALSE(is_write(call.operation));
  }
}

TEST_F(RepairIndex, RebuildsALostIndexFromThePacks) {
  remove(FileType::kIndex, only(FileType::kIndex));
  EXPECT_NE(damage(), "");
  EXPECT_EQ(expect_healed().added_packs, list(FileType::kPack));
}

TEST_F(RepairIndex, ReplacesABrokenFile) {
  const Id broken = only(FileType::kIndex);
  ASSERT_TRUE(faulty_->corrupt({FileType::kIndex, broken}, 50));
  EXPECT_EQ(expect_healed().broken_files, std::vector{broken});
  EXPECT_NE(only(FileType::kIndex), broken);
}

TEST_F(RepairIndex, TakesMissingPacksOut) {
  const auto data = place_of(users_, 0);
  remove(FileType::kPack, data.pack);
  const auto result = repair();
  EXPECT_EQ(result.missing_packs, std::vector{data.pack});
  EXPECT_FALSE(reopen()->index().has(BlobType::kData, codec::sha256(as_bytes(users_.substr(0, kBlob)))));
  EXPECT_EQ(damage().find("is missing"), std::string::npos);
  EXPECT_FALSE(repair().changed());
}

TEST_F(RepairIndex, CorrectsWhatIsSaidOfAPack) {
  const auto truth = indexed();
  const auto data = position(BlobType::kData, truth);
  const std::function<void(IndexedPack&)> lies[] = {
      [](IndexedPack& p) { p.blobs.pop_back(); },
      [](IndexedPack& p) { ++p.blobs[0].location.length, --p.blobs[1].location.length; },
      [](IndexedPack& p) { ++p.blobs[1].location.offset; },
      [](IndexedPack& p) { p.blobs.clear(); },
  };
  for (const auto& lie_about : lies) {
    auto packs = truth;
    lie_about(packs[data]);
    lie(packs);
    EXPECT_EQ(expect_healed().corrected_packs, std::vector{truth[data].pack});
  }
  // These show in no size.
  const std::function<void(IndexedPack&)> quiet_lies[] = {
      [](IndexedPack& p) { p.blobs[0].id.bytes[5] ^= 1; },
      [](IndexedPack& p) { p.blobs[0].type = BlobType::kTree; },
  };
  for (const auto& lie_about : quiet_lies) {
    auto packs = truth;
    lie_about(packs[data]);
    lie(packs);
    EXPECT_FALSE(repair().changed());
    EXPECT_EQ(expect_healed(true).corrected_packs, std::vector{truth[data].pack});
  }
}

TEST_F(RepairIndex, JoinsWhatSeveralFilesSayOfAPack) {
  // As restic before 0.10 wrote it: half of a pack's blobs in each of two files.
  auto halves = indexed();
  auto others = halves;
  for (size_t i = 0; i < halves.size(); ++i) {
    halves[i].blobs.pop_back();
    others[i].blobs.erase(others[i].blobs.begin(), others[i].blobs.end() - 1);
  }
  lie(halves);
  ASSERT_TRUE(repository_->save_file(FileType::kIndex, repo::encode_index(others), Cancel()));
  EXPECT_NE(damage(), "");
  expect_healed();
  EXPECT_EQ(list(FileType::kIndex).size(), 1u);
}

TEST_F(RepairIndex, JoinsSmallFilesAndWhatStandsTwice) {
  store({{"dump/shop/more.bson", sample_noise(5'000, 3)}});
  ASSERT_TRUE(repository_->save_file(FileType::kIndex, repo::encode_index(indexed()), Cancel()));
  EXPECT_EQ(list(FileType::kIndex).size(), 3u);
  EXPECT_EQ(expect_healed().files_removed, 3u);
  EXPECT_EQ(list(FileType::kIndex).size(), 1u);
}

TEST_F(RepairIndex, APackWithoutReadableHeaderStaysInTheIndex) {
  const Id pack = place_of(users_, 0).pack;
  const Bytes whole = bytes(FileType::kPack, pack);
  replace(FileType::kPack, pack, ByteView(whole).first(whole.size() - 10));
  EXPECT_EQ(repair().damaged_packs, std::vector{pack});
  EXPECT_EQ(content(snapshot_), files_);

  // Also where two files say different things of it.
  auto halves = indexed();
  auto others = halves;
  for (auto& half : halves) half.blobs.resize(1);
  for (auto& other : others) other.blobs.erase(other.blobs.begin());
  lie(halves);
  ASSERT_TRUE(repository_->save_file(FileType::kIndex, repo::encode_index(others), Cancel()));
  EXPECT_EQ(repair().damaged_packs, std::vector{pack});
  EXPECT_EQ(content(snapshot_), files_);
  EXPECT_EQ(list(FileType::kIndex).size(), 1u);
}

TEST_F(RepairIndex, PassesOverWhatIsNoPack) {
  const Bytes junk(5000, uint8_t{7});
  const ByteView pieces[] = {junk};
  Id id;
  id.bytes.fill(9);
  ASSERT_TRUE(memory_->put({FileType::kPack, id}, pieces, Cancel()));
  const auto result = repair();
  EXPECT_EQ(result.unusable_packs, std::vector{id});
  EXPECT_FALSE(result.changed());
}

TEST_F(RepairIndex, AStorageThatFailsEndsItBeforeAnythingGoes) {
  remove(FileType::kIndex, only(FileType::kIndex));
  faulty_->fail_call(storage::Operation::kGet, 2, Error(ErrorKind::kUnavailable, "no answer"));
  SilentReporter reporter;
  EXPECT_FALSE(repair_index(*repository_, {}, reporter, Cancel()));
  EXPECT_TRUE(repair().changed());
}

Status repair_in(const std::shared_ptr<storage::Storage>& storage) {
  TRY_ASSIGN(const auto repository, repo::Repository::open(storage, kPassword, Cancel()));
  SilentReporter reporter;
  TRY(repair_index(*repository, {}, reporter, Cancel()));
  return {};
}

TEST_F(RepairIndex, SurvivesPowerCutsBesideSoundSnapshots) {
  store({{"dump/shop/more.bson", sample_noise(5'000, 3)}});
  ASSERT_TRUE(repository_->save_file(FileType::kIndex, repo::encode_index(indexed()), Cancel()));
  PowerCutTest test;
  test.operation = repair_in;
  test.after = [&](const auto& storage) {
    ASSERT_TRUE(repair_in(storage));
    testing::expect_prune_leaves_no_garbage(storage);
  };
  EXPECT_GE(survive_power_cuts(*memory_, test), 8u);
}

TEST_F(RepairIndex, SurvivesPowerCutsWhileItBringsSnapshotsBack) {
  auto packs = indexed();
  packs[0].blobs.pop_back();
  lie({packs[0]});  // of one pack wrong, of the other nothing
  PowerCutTest test;
  test.operation = repair_in;
  test.damaged = true;
  test.after = [&](const auto& storage) {
    ASSERT_TRUE(repair_in(storage));
    const auto repository = open_repository(storage);
    ASSERT_TRUE(repository) << repository.error().message();
    EXPECT_EQ(*read_back(**repository, snapshot_), files_);
    testing::expect_prune_leaves_no_garbage(storage);
  };
  EXPECT_GE(survive_power_cuts(*memory_, test), 4u);
}

}  // namespace
}  // namespace varve::maintenance
