#include "repo/destinations.h"

#include <condition_variable>
#include <latch>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "codec/sha256.h"
#include "repo/check.h"
#include "repo/testing/two_repositories.h"
#include "repo/unpacked.h"

namespace varve::repo {
namespace {

using namespace testing;
using storage::FileType;
using storage::Operation;

class DestinationsTest : public TwoRepositories {
 protected:
  static const std::string& blob(uint32_t i) {
    static const auto all = [] {
      std::vector<std::string> made;
      for (uint32_t n = 0; n < kBlobs; ++n)
        made.push_back(n % 4 != 3 ? sample_noise(600'000, n) : sample_text(600'000, n));
      return made;
    }();
    return all[i];
  }
  /// More than the two packs of a type that are filled at once: one is full before the end.
  static constexpr uint32_t kBlobs = 24;

  /// Some are trees, each comes twice.
  static Status save_all(Writer& writer) {
    for (uint32_t i = 0; i < 2 * kBlobs; ++i) {
      const auto type = i % kBlobs % 10 == 3 ? BlobType::kTree : BlobType::kData;
      TRY(writer.save(type, to_bytes(as_bytes(blob(i % kBlobs))), [](const Id&) {}));
    }
    return {};
  }
  static std::set<std::pair<BlobType, Id>> blobs_of(Repository& repository) {
    std::set<std::pair<BlobType, Id>> all;
    repository.index().for_each([&](BlobType type, const Id& id, const BlobLocation&) { all.emplace(type, id); });
    return all;
  }
  /// As whoever comes later finds it: whole, and with what was saved.
  static void expect_all_in(const Side& side) {
    const auto repository = open_repository(side.memory);
    ASSERT_TRUE(repository) << repository.error().message();
    const auto checked = check(**repository, {.read_data = true}, {}, Cancel());
    ASSERT_TRUE(checked) << checked.error().message();
    for (const auto& finding : checked->findings) {
      EXPECT_NE(finding.severity, Finding::Severity::kError) << finding.what;
    }
    for (uint32_t i = 0; i < kBlobs; ++i) {
      const auto type = i % 10 == 3 ? BlobType::kTree : BlobType::kData;
      const auto id = codec::sha256(as_bytes(blob(i)));
      const auto loaded = (*repository)->load_blob(type, id, Cancel());
      ASSERT_TRUE(loaded) << loaded.error().message();
      EXPECT_EQ(as_text(*loaded), blob(i));
    }
  }
  /// What a failed run left: nothing that is wrong, nothing that is taken for stored, and a place where the next one
  /// succeeds.
  static void expect_usable(Side& side) {
    const auto stored = open_repository(side.memory);
    ASSERT_TRUE(stored) << stored.error().message();
    for (const auto& [type, id] : blobs_of(*side.repository)) EXPECT_TRUE((*stored)->index().has(type, id));
    side.faulty->restore_power();
    Writer writer(*side.repository, narrow(), Cancel());
    ASSERT_TRUE(save_all(writer));
    ASSERT_TRUE(writer.finish());
    expect_all_in(side);
  }
};

TEST_F(DestinationsTest, AllGetTheSameBlobsEachSealedWithItsKey) {
  const auto to = both();
  Writer writer(*to, narrow());
  ASSERT_TRUE(save_all(writer));
  ASSERT_TRUE(writer.finish());
  EXPECT_EQ(blobs_of(*a_.repository), blobs_of(*b_.repository));
  EXPECT_EQ(blobs_of(*a_.repository).size(), kBlobs);
  for (size_t i : {0u, 1u}) {
    const auto stats = writer.stats(i);
    EXPECT_EQ(stats.data_blobs_new + stats.tree_blobs_new, kBlobs);
    EXPECT_EQ(stats.blobs_known, kBlobs);
    EXPECT_EQ(stats.plain_bytes_new, kBlobs * 600'000u);
  }
  expect_all_in(a_);
  expect_all_in(b_);
  EXPECT_TRUE(listener_.warnings().empty());
}

TEST_F(DestinationsTest, EachGetsOnlyWhatItLacks) {
  const std::string there = blob(0);
  ASSERT_TRUE(back_up(*b_.repository, {{"x", there}}));
  const auto to = both();
  Writer writer(*to, narrow());
  ASSERT_TRUE(save_all(writer));
  ASSERT_TRUE(writer.finish());
  EXPECT_EQ(writer.stats(0).blobs_known, kBlobs);
  EXPECT_EQ(writer.stats(1).blobs_known, kBlobs + 1);
  EXPECT_EQ(writer.stats(1).plain_bytes_new, (kBlobs - 1) * 600'000u);
  EXPECT_EQ(b_.repository->index().find(BlobType::kData, codec::sha256(as_bytes(there))).size(), 1u);
  expect_all_in(a_);
  expect_all_in(b_);
}

/// At whatever write it fails, an index file among them, and whichever it is.
TEST_F(DestinationsTest, OneThatFailsIsGivenUpAndTheOtherIsComplete) {
  for (const bool first : {false, true}) {
    bool failed = true;
    for (unsigned nth = 1; failed; ++nth) {
      ASSERT_LT(nth, 30u) << "it never succeeds";
      Side a, b;
      std::swap(a_, a);
      std::swap(b_, b);
      auto& bad = first ? a_ : b_;
      const auto& good = first ? b_ : a_;
      const auto to = both();
      bad.faulty->fail_call(Operation::kPut, nth, Error(ErrorKind::kNoSpace, "the disk is full"));
      {
        Writer writer(*to, narrow());
        ASSERT_TRUE(save_all(writer));
        ASSERT_TRUE(writer.finish());
      }
      failed = !to->has(first ? 0 : 1);
      expect_all_in(good);
      EXPECT_TRUE(to->has(first ? 1 : 0));
      if (!failed) continue;
      EXPECT_EQ(to->cancel(first ? 0 : 1).check().error().kind(), ErrorKind::kNoSpace);
      EXPECT_EQ(to->first(), first ? 1u : 0u);
      EXPECT_NE(listener_.warnings().back().find("the disk is full"), std::string::npos);
      expect_usable(bad);
    }
  }
}

TEST_F(DestinationsTest, OneThatIsAwayFromTheBeginningIsGivenUp) {
  b_.faulty->cut_power(1, storage::FaultStorage::Side::kBefore);
  const auto to = both();
  {
    Writer writer(*to, narrow());
    ASSERT_TRUE(save_all(writer));
    ASSERT_TRUE(writer.finish());
  }
  EXPECT_FALSE(to->has(1));
  EXPECT_EQ(listener_.warnings().size(), 1u);
  EXPECT_EQ(blobs_of(*b_.repository).size(), 0u);
  expect_all_in(a_);
  expect_usable(b_);
}

TEST_F(DestinationsTest, WhereAllFailTheFirstOnesErrorIsTold) {
  a_.faulty->fail_call(Operation::kPut, 3, Error(ErrorKind::kNoSpace, "the first is full"));
  b_.faulty->fail_call(Operation::kPut, 1, Error(ErrorKind::kDenied, "the second is closed"));
  const auto to = both();
  {
    Writer writer(*to, narrow());
    auto status = save_all(writer);
    if (status) status = writer.finish();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind(), ErrorKind::kNoSpace);
    EXPECT_EQ(writer.drain().error().kind(), ErrorKind::kNoSpace);
    EXPECT_EQ(writer.save(BlobType::kData, Bytes(1), [](const Id&) {}).error().kind(), ErrorKind::kNoSpace);
  }
  EXPECT_EQ(to->cancel().check().error().message(), "the first is full");
  EXPECT_EQ(listener_.warnings().size(), 2u);
  expect_usable(a_);
  expect_usable(b_);
}

TEST_F(DestinationsTest, ALostLockEndsItsOwnRepositoryOnly) {
  const auto to = both();
  Writer writer(*to, narrow());
  ASSERT_TRUE(save_all(writer));
  b_.lock_reason->say(Error(ErrorKind::kLocked, "the lock was removed"));
  b_.lock.request_stop();
  EXPECT_FALSE(to->has(1));
  EXPECT_EQ(to->cancel(1).check().error().kind(), ErrorKind::kLocked);
  ASSERT_TRUE(writer.drain());
  ASSERT_TRUE(writer.finish());
  expect_all_in(a_);
  EXPECT_EQ(listener_.warnings().size(), 1u);
}

TEST_F(DestinationsTest, StoppingEndsAllWithoutBlamingAny) {
  const auto to = both();
  Writer writer(*to, narrow());
  ASSERT_TRUE(save_all(writer));
  stop_.request_stop();
  a_.lock.request_stop();  // as the locks' own Cancels follow
  b_.lock.request_stop();
  EXPECT_EQ(writer.finish().error().kind(), ErrorKind::kCancelled);
  EXPECT_EQ(to->cancel().check().error().kind(), ErrorKind::kCancelled);
  EXPECT_TRUE(listener_.warnings().empty());
  writer.stop();
  EXPECT_TRUE(listener_.warnings().empty());
}

TEST_F(DestinationsTest, WhatHasStoppedBeforeIsNoDestination) {
  b_.lock_reason->say(Error(ErrorKind::kLocked, "the lock was removed"));
  b_.lock.request_stop();
  const auto to = both();
  EXPECT_TRUE(to->has(0));
  EXPECT_FALSE(to->has(1));
  a_.lock.request_stop();
  EXPECT_TRUE(to->cancel().stopped());
}

/// Its only upload does not come back: everybody waits, and goes on when it is given up.
TEST_F(DestinationsTest, NobodyWaitsForOneThatWasGivenUp) {
  std::latch stalled(1), go_on(1);
  b_.faulty->meanwhile(Operation::kPut, FileType::kPack, [&] {
    stalled.count_down();
    go_on.wait();
  });
  auto options = narrow();
  options.uploads = 1;
  const auto to = both();
  Writer writer(*to, options);
  std::jthread impatient([&] {
    stalled.wait();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // by then the workers wait as well
    to->give_up(1, Error(ErrorKind::kUnavailable, "it does not answer"));
  });
  EXPECT_TRUE(save_all(writer));
  EXPECT_TRUE(writer.drain());
  go_on.count_down();
  ASSERT_TRUE(writer.finish());
  expect_all_in(a_);
}

TEST_F(DestinationsTest, AWriterThatIsStoppedWaitsForNoneOfThem) {
  std::latch stalled(1), go_on(1);
  b_.faulty->meanwhile(Operation::kPut, FileType::kPack, [&] {
    stalled.count_down();
    go_on.wait();
  });
  auto options = narrow();
  options.uploads = 1;
  const auto to = both();
  Writer writer(*to, options);
  std::jthread saving([&] { (void)save_all(writer); });
  stalled.wait();
  std::jthread letting([&] {
    while (!writer.cancel().stopped()) std::this_thread::yield();
    go_on.count_down();
  });
  writer.stop();
  EXPECT_TRUE(to->has(0) && to->has(1)) << "nothing has failed";
  EXPECT_TRUE(listener_.warnings().empty());
}

TEST_F(DestinationsTest, ADryRunStoresNothingAnywhere) {
  const auto to = both();
  auto options = narrow();
  options.dry_run = true;
  {
    Writer writer(*to, options);
    ASSERT_TRUE(save_all(writer));
    ASSERT_TRUE(writer.finish());
    EXPECT_EQ(writer.stats(1).data_blobs_new + writer.stats(1).tree_blobs_new, kBlobs);
  }
  for (auto* side : {&a_, &b_}) {
    EXPECT_TRUE(list_files(*side->memory, FileType::kPack, Cancel())->empty());
    EXPECT_TRUE(side->repository->index().claim(BlobType::kData, codec::sha256(as_bytes(blob(0)))));
  }
}

TEST_F(DestinationsTest, KnowsWhatAllOfThemHave) {
  ASSERT_TRUE(back_up(*a_.repository, {{"x", "both"}, {"y", "only one"}}));
  ASSERT_TRUE(back_up(*b_.repository, {{"x", "both"}}));
  const auto to = both();
  const auto both_have = codec::sha256(as_bytes(std::string_view("both")));
  const auto one_has = codec::sha256(as_bytes(std::string_view("only one")));
  EXPECT_TRUE(to->all_have(BlobType::kData, both_have));
  EXPECT_FALSE(to->all_have(BlobType::kData, one_has));
  to->give_up(1, Error(ErrorKind::kUnavailable, "it does not answer"));
  EXPECT_TRUE(to->all_have(BlobType::kData, one_has)) << "those that are left";
}

TEST_F(DestinationsTest, AParentThatDoesNotAnswerIsLeftAloneAndADamagedOneTold) {
  const auto id = *back_up(*b_.repository, {{"x", "x"}});
  const auto tree = b_.repository->find_snapshot(id.hex(), {}, Cancel())->tree;
  const auto to = both();
  EXPECT_EQ((*to->load_tree(1, tree))->size(), 1u);
  for (const unsigned read : {1U, 2U})
    b_.faulty->fail_call(Operation::kGet, read, Error(ErrorKind::kCorrupt, "bad sector"));
  EXPECT_EQ(to->load_tree(1, tree).error().kind(), ErrorKind::kCorrupt);
  EXPECT_TRUE(to->has(1));
  b_.faulty->fail_call(Operation::kGet, 1, Error(ErrorKind::kUnavailable, "it does not answer"));
  EXPECT_FALSE(to->load_tree(1, tree)->has_value());
  EXPECT_FALSE(to->load_tree(1, tree)->has_value()) << "nobody waits for it twice";
  EXPECT_TRUE(to->has(1)) << "what is stored there tells whether it is away";
}

TEST(WriterMemory, GrowsWithTheRepositories) {
  const WriterOptions options;
  const auto one = Writer::memory_bound(options, 1 << 20);
  EXPECT_GT(Writer::memory_bound(options, 1 << 20, 2), one + one / 3);
  EXPECT_LT(Writer::memory_bound(options, 1 << 20, 2), 2 * one + (64u << 20));
}

}  // namespace
}  // namespace varve::repo
