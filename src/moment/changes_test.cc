#include "moment/changes.h"

#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "bson/document.h"
#include "moment/key_table.h"

namespace varve::moment {
namespace {

using codec::UInt128;

std::shared_ptr<Spill> spill_to(const std::string& folder, uint64_t memory = 1u << 20) {
  auto spill = Spill::open(folder, memory);
  EXPECT_TRUE(spill);
  return std::move(*spill);
}

UInt128 random_hash(std::mt19937_64& random) {
  return {.low = random(), .high = random()};
}

// --- the table

TEST(KeyTable, HoldsWhatAMapHolds) {
  Pool pool(spill_to(""), 64u << 20);
  std::mt19937_64 random(1);
  for (const unsigned skip : {0u, 4u, 12u}) {
    KeyTable table(pool, skip);
    std::map<std::pair<uint64_t, uint64_t>, uint64_t> model;
    std::vector<UInt128> known;
    for (uint64_t i = 1; i < 50'000; ++i) {
      UInt128 hash = random_hash(random);
      hash.high >>= skip;  // the leading bits of all are the same
      if (i % 3 == 0 && !known.empty()) hash = known[random() % known.size()];
      if (i % 7 == 0) {
        Slot* const slot = table.find(hash);
        ASSERT_EQ(slot != nullptr, model.erase({hash.high, hash.low}) == 1);
        if (slot != nullptr) table.erase(slot);
        continue;
      }
      table.insert(hash)->set(Slot::kDocument, 0, i);
      model[{hash.high, hash.low}] = i;
      known.push_back(hash);
    }
    ASSERT_EQ(table.size(), model.size());
    auto expected = model.begin();
    table.each([&](const Slot& slot) {
      EXPECT_EQ((std::pair{slot.high, slot.low}), expected->first);
      EXPECT_EQ(slot.place(), expected->second);
      EXPECT_EQ(table.find(slot.hash()), &slot);
      ++expected;
    });
    EXPECT_TRUE(expected == model.end());
    EXPECT_EQ(table.find(random_hash(random)), nullptr);
  }
  EXPECT_EQ(pool.index, 0u);
}

TEST(KeyTable, TakesAboutFortyBytesAKey) {
  Pool pool(spill_to(""), 64u << 20);
  KeyTable table(pool, 0);
  std::mt19937_64 random(2);
  for (int i = 0; i < 200'000; ++i) table.insert(random_hash(random))->set(Slot::kGone, 0, 0);
  EXPECT_LT(table.bytes(), 200'000u * 50);
  EXPECT_EQ(pool.index, table.bytes());
}

// Hashes that are all alike can only come by chance or from a defect; they may be slow but not wrong.
TEST(KeyTable, SurvivesHashesThatAreAllAlike) {
  Pool pool(spill_to(""), 64u << 20);
  KeyTable table(pool, 0);
  for (uint64_t i = 0; i < 2000; ++i) table.insert({.low = i, .high = ~0ull})->set(Slot::kDocument, 0, i);
  for (uint64_t i = 0; i < 2000; ++i) EXPECT_EQ(table.find({.low = i, .high = ~0ull})->place(), i);
}

// --- the spill file

TEST(Spill, GivesBackWhatItGotAndShowsNobodyElse) {
  const auto spill = spill_to(::testing::TempDir());
  std::mt19937_64 random(3);
  std::vector<std::pair<Extent, Bytes>> pieces;
  for (int i = 0; i < 50; ++i) {
    Bytes piece(random() % 20'000);
    random_bytes(piece);
    const auto extent = spill->write(piece);
    ASSERT_TRUE(extent);
    pieces.emplace_back(*extent, piece);
  }
  for (size_t i = 0; i < pieces.size(); i += 2) spill->release(pieces[i].first);
  for (size_t i = 1; i < pieces.size(); i += 2) EXPECT_EQ(*spill->read(pieces[i].first), pieces[i].second);
  EXPECT_EQ(spill->read({1, 100}).error().kind(), ErrorKind::kCorrupt);
}

// --- the queue

TEST(Queue, GivesPiecesInTheirOrderFromMemoryAndFile) {
  const auto spill = spill_to(::testing::TempDir());
  std::atomic<uint64_t> held{0};
  for (const uint64_t flush_at : {uint64_t{1}, uint64_t{1000}, UINT64_MAX}) {
    Queue queue(spill, held, flush_at);
    for (uint32_t i = 0; i < 500; ++i) {
      const std::string text(i % 90, 'x');
      Bytes number;
      append_le(number, i);
      ASSERT_TRUE(queue.push({number, as_bytes(text)}));
      if (flush_at == UINT64_MAX && i == 300) ASSERT_TRUE(queue.flush());
    }
    EXPECT_EQ(queue.pieces(), 500u);
    for (uint32_t i = 0; i < 500; ++i) {
      const auto piece = queue.pop();
      ASSERT_TRUE(piece && *piece);
      EXPECT_EQ(load_le<uint32_t>((*piece)->data()), i);
      EXPECT_EQ((*piece)->size(), 4 + i % 90);
    }
    EXPECT_EQ(*queue.pop(), std::nullopt);
  }
  EXPECT_EQ(held, 0u);
}

// --- the changes of a collection, against a map

bson::Document document(int32_t id, int32_t value, size_t size) {
  return bson::Builder().add("_id", id).add("n", value).add("pad", std::string(size, 'p')).finish();
}

/// Random changes, with limits kept after each as a Moment does; then every pass.
class Worked {
 public:
  Worked(uint64_t memory, bool base) : pool_(spill_to(::testing::TempDir(), memory), memory), base_(base) {
    changes_ = std::make_unique<Changes>(pool_, base);
  }

  void work(uint64_t seed, int steps, int32_t width, size_t size) {
    std::mt19937_64 random(seed);
    for (int step = 0; step < steps; ++step) {
      const auto id = static_cast<int32_t>(random() % static_cast<uint64_t>(width));
      const auto value = static_cast<int32_t>(random() % 1000);
      const auto what = random() % 10;
      if (what < 4) {
        model_[id] = document(id, value, random() % size);
        ASSERT_TRUE(changes_->put(hash(id), model_[id]->bytes(), {.inserted = true}));
      } else if (what < 6) {
        model_[id] = std::nullopt;
        ASSERT_TRUE(changes_->erase(hash(id)));
      } else {
        const auto o = bson::Builder().add("$v", int32_t{2}).open("diff").open("u").add("n", value).finish();
        const bson::Document id_alone = bson::Builder().add("_id", id).finish();
        ASSERT_TRUE(changes_->update(hash(id), o, {}, *id_alone.view().find("_id")));
        update(id, value);
      }
      ASSERT_NO_FATAL_FAILURE(keep_to_limits());
    }
  }

  /// Every document that comes out, by id; those of the base are {_id, n: 0, pad: ""} of every id below `width`.
  /// `split_again`: the first part that is loaded is split once more, in the middle.
  std::map<int32_t, Bytes> merged(int32_t width, bool split_again = false) {
    std::map<int32_t, Bytes> out;
    std::vector<Changes::Part> waiting = changes_->take_parts();
    while (true) {
      ++passes;
      if (base_) meet(width, out);
      EXPECT_TRUE(changes_->rest(false, [&](uint64_t, ByteView found) -> Status {
        add(found, out);
        return {};
      }));
      if (waiting.empty()) return out;
      auto part = std::move(waiting.back());
      waiting.pop_back();
      changes_ = std::make_unique<Changes>(pool_, base_, part.range);
      for (int loaded = 0; *changes_->load_next(*part.operations); ++loaded) {
        keep_to_limits();
        if (loaded != 700 || !std::exchange(split_again, false)) continue;
        const auto split = changes_->split();
        EXPECT_TRUE(split && *split);
      }
      for (auto& more : changes_->take_parts()) waiting.push_back(std::move(more));
    }
  }

  std::map<int32_t, Bytes> expected(int32_t width) const {
    std::map<int32_t, Bytes> all;
    for (int32_t id = 0; base_ && id < width; ++id) all[id] = to_bytes(document(id, 0, 0).bytes());
    for (const auto& [id, known] : model_) {
      if (known) all[id] = to_bytes(known->bytes());
      if (!known) all.erase(id);
    }
    return all;
  }
  int passes = 0;
  uint64_t spilled() const { return pool_.spill->written(); }

 private:
  UInt128 hash(int32_t id) { return hash_(*bson::Builder().add("_id", id).finish().view().find("_id"), scratch_); }

  void update(int32_t id, int32_t value) {
    const auto known = model_.find(id);
    if (known == model_.end() && base_) {
      model_[id] = document(id, value, 0);
    } else if (known != model_.end() && known->second) {
      known->second = document(id, value, known->second->view().string("pad")->size());
    }
  }

  void keep_to_limits() {
    if (pool_.records > pool_.records_limit) ASSERT_TRUE(changes_->spill(pool_.records_limit / 2));
    while (pool_.index > pool_.index_limit) {
      const auto split = changes_->split();
      if (!split || !*split) FAIL() << "no way to keep to the limit";
    }
  }

  static void add(ByteView found, std::map<int32_t, Bytes>& out) {
    const auto id = static_cast<int32_t>(*bson::View(found).int64("_id"));
    EXPECT_TRUE(out.emplace(id, to_bytes(found)).second) << id << " came twice";
  }

  void meet(int32_t width, std::map<int32_t, Bytes>& out) {
    for (int32_t id = 0; id < width; ++id) {
      const auto of_base = document(id, 0, 0);
      Bytes other;
      const auto fate = changes_->meet(hash(id), of_base.bytes(), false, other);
      ASSERT_TRUE(fate);
      if (*fate == Changes::Fate::kSame) add(of_base.bytes(), out);
      if (*fate == Changes::Fate::kOther) add(other, out);
    }
  }

  Pool pool_;
  const bool base_;
  const KeyHash hash_;
  Bytes scratch_;
  std::unique_ptr<Changes> changes_;
  std::map<int32_t, std::optional<bson::Document>> model_;
};

TEST(Changes, AreFoldedWithinMemory) {
  Worked worked(64u << 20, true);
  worked.work(1, 20'000, 3000, 300);
  EXPECT_EQ(worked.merged(4000), worked.expected(4000));
  EXPECT_EQ(worked.passes, 1);
  EXPECT_EQ(worked.spilled(), 0u);
}

// RULES 10: records past the budget go to the spill file, where garbage is compacted.
TEST(Changes, RecordsSpillAndAreCompacted) {
  Worked worked(512u << 10, true);
  worked.work(2, 40'000, 2000, 600);
  EXPECT_EQ(worked.merged(2500), worked.expected(2500));
  EXPECT_EQ(worked.passes, 1);
  EXPECT_GT(worked.spilled(), 1u << 20);
}

// RULES 10: past the budget of the table the key space is split, again where a part does not fit either.
TEST(Changes, TheKeySpaceIsSplitAndSplitAgain) {
  Worked worked(160u << 10, true);
  worked.work(3, 15'000, 8000, 40);
  EXPECT_EQ(worked.merged(8500, true), worked.expected(8500));
  EXPECT_EQ(worked.passes, 16 + 15);
}

TEST(Changes, WithoutABaseWhatIsDeletedIsForgotten) {
  for (const uint64_t memory : {64u << 20, 160u << 10}) {
    Worked worked(memory, false);
    worked.work(4, 20'000, 5000, 40);
    EXPECT_EQ(worked.merged(0), worked.expected(0));
  }
}

TEST(Changes, WhatIsSurelyNotInTheBaseLeavesNoTrace) {
  Pool pool(spill_to(""), 64u << 20);
  Changes changes(pool, true);
  std::mt19937_64 random(6);
  const auto one = document(1, 1, 10);
  for (int i = 0; i < 1000; ++i) {
    const auto hash = random_hash(random);
    ASSERT_TRUE(changes.put(hash, one.bytes(), {.not_in_base = true, .inserted = true}));
    ASSERT_TRUE(changes.erase(hash));
  }
  EXPECT_TRUE(changes.empty());
  EXPECT_EQ(changes.resident(), 0u);
}

TEST(Changes, SeveralThreadsMeetEachDocumentOnce) {
  Pool pool(spill_to(::testing::TempDir()), 64u << 20);
  Changes changes(pool, true);
  const KeyHash key_hash;
  Bytes scratch;
  std::vector<UInt128> hashes;
  for (int32_t id = 0; id < 2000; ++id) {
    const auto made = document(id, 1, 100);
    hashes.push_back(key_hash(*made.view().find("_id"), scratch));
    ASSERT_TRUE(changes.put(hashes.back(), made.bytes(), {}));
  }
  ASSERT_TRUE(changes.spill(50'000));  // part of it comes from the file
  std::atomic<int> met{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        Bytes out;
        for (const auto& hash : hashes) {
          if (*changes.meet(hash, {}, false, out) == Changes::Fate::kOther) ++met;
        }
      });
    }
  }
  EXPECT_EQ(met, 2000);
}

TEST(Changes, ManyUpdatesOfOneDocumentTakeTheirOwnSize) {
  Pool pool(spill_to(""), 64u << 20);
  Changes changes(pool, true);
  const bson::Document id = bson::Builder().add("_id", int32_t{1}).finish();
  for (int i = 0; i < 2000; ++i) {  // each of another shape, as pushes are
    bson::Builder o;
    o.add("$v", int32_t{2}).open("diff").open("sl").add("a", true).add("u" + std::to_string(i), int32_t{i}).end().end();
    ASSERT_TRUE(changes.update({.low = 1, .high = 1}, o.finish(), {}, *id.view().find("_id")));
  }
  EXPECT_LT(changes.resident(), 2000u * 60 * 4);
  const bson::Document base = bson::Builder().add("_id", int32_t{1}).open_array("l").finish();
  Bytes out;
  EXPECT_EQ(*changes.meet({.low = 1, .high = 1}, base.bytes(), false, out), Changes::Fate::kOther);
  EXPECT_EQ(bson::View(out).int64("l.1999"), 1999);
}

}  // namespace
}  // namespace varve::moment
