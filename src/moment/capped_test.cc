#include <random>

#include <gtest/gtest.h>

#include "moment/moment.h"
#include "moment/testing/entries.h"

namespace varve::moment {
namespace {

using bson::Builder;
using bson::Document;
using testing::Entries;
using testing::numbered;
using testing::set_field;
using testing::State;

using Ids = std::vector<int64_t>;

Document capped(int32_t size, int32_t max) {
  return Builder().add("capped", true).add("size", size).add("max", max).finish();
}

/// Ids of a capped collection after these entries, on a server that does not log what it evicts.
Ids capped_ids(const State& state, const Entries& entries, uint64_t memory = 64u << 20) {
  Base base = testing::base_of_states({state});
  base.at_least_5_0 = base.logs_evictions = false;
  Options options;
  options.memory = memory;
  options.spill_folder = ::testing::TempDir();
  const auto results = testing::run({state}, base, entries.all, options, 3);
  EXPECT_TRUE(results) << results.error().message();
  if (!results) return {};
  const auto& result = results->collections.begin()->second;
  EXPECT_TRUE(result.digest == testing::digest_of(result.documents));
  Ids ids;
  for (const auto& document : result.documents) ids.push_back(*bson::View(document).int64("_id"));
  return ids;
}

std::vector<Document> numbers(int32_t from, int32_t to) {
  std::vector<Document> all;
  for (int32_t i = from; i < to; ++i) all.push_back(numbered(i, i));
  return all;
}

Ids range(int64_t from, int64_t to) {
  Ids all;
  for (int64_t i = from; i < to; ++i) all.push_back(i);
  return all;
}

TEST(Capped, OrderIsKeptAndTheOldestGo) {
  Entries e;
  e.update(1, "shop.log", 5, set_field("n", 50));
  for (int32_t i = 10; i < 14; ++i) e.insert(1, "shop.log", numbered(i, i));
  EXPECT_EQ(capped_ids(testing::state(1, "shop.log", numbers(0, 10), capped(1 << 20, 10)), e), range(4, 14));
  // The size is rounded up to 256 bytes.
  const auto fit = static_cast<int64_t>(256 / numbered(0, 0).bytes().size());
  EXPECT_EQ(capped_ids(testing::state(1, "shop.log", numbers(0, 10), capped(200, 0)), e), range(14 - fit, 14));
}

TEST(Capped, WhatWasInsertedAgainIsAtTheEnd) {
  Entries e;
  e.remove(1, "shop.log", 2);
  e.insert(1, "shop.log", numbered(20, 0));
  e.insert(1, "shop.log", numbered(2, 0));
  e.insert(1, "shop.log", numbered(21, 0));
  const State state = testing::state(1, "shop.log", numbers(0, 5), capped(1 << 20, 0));
  EXPECT_EQ(capped_ids(state, e), (Ids{0, 1, 3, 4, 20, 2, 21}));
  // The same, read late: the base has the old and the new.
  State late = testing::state(1, "shop.log", numbers(0, 5), capped(1 << 20, 0));
  for (const int32_t id : {20, 2}) late.documents.push_back(to_bytes(numbered(id, 0).bytes()));
  late.entry.as_read = testing::digest_of(late.documents);
  EXPECT_EQ(capped_ids(late, e), (Ids{0, 1, 3, 4, 20, 2, 21}));
}

TEST(Capped, EmptiedItHasOnlyWhatCameAfter) {
  Entries e;
  e.insert(1, "shop.log", numbered(10, 10));
  e.command(1, "shop", Builder().add("emptycapped", "log").finish());
  e.insert(1, "shop.log", numbered(3, 3));
  EXPECT_EQ(capped_ids(testing::state(1, "shop.log", numbers(0, 5), capped(1 << 20, 0)), e), Ids{3});
}

// RULES 10: capped collections keep their order, also where their changes are split and spilled.
TEST(Capped, OrderIsKeptThroughSplitsAndSpills) {
  Entries e;
  std::mt19937_64 random(5);
  for (int32_t i = 2000; i < 6000; ++i) {
    e.insert(1, "shop.log", numbered(i, i));
    e.update(1, "shop.log", static_cast<int32_t>(random() % static_cast<uint64_t>(i)), set_field("n", i));
  }
  const State state = testing::state(1, "shop.log", numbers(0, 2000), capped(1 << 30, 5000));
  EXPECT_EQ(capped_ids(state, e), range(1000, 6000));
  EXPECT_EQ(capped_ids(state, e, 192u << 10), range(1000, 6000));
}

}  // namespace
}  // namespace varve::moment
