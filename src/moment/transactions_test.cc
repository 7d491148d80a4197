#include <gtest/gtest.h>

#include "moment/testing/entries.h"

namespace varve::moment {
namespace {

using bson::Builder;
using bson::Timestamp;
using testing::Entries;
using testing::insert_op;
using testing::numbered;
using testing::remove_op;
using testing::set_field;
using testing::update_op;

const std::string kNs = "shop.orders";

std::vector<testing::State> orders() {
  return {testing::state(1, kNs, {numbered(1, 10), numbered(2, 20), numbered(3, 30)})};
}

/// The documents as {id: n}, in order of the ids, and what the account says.
struct Outcome {
  std::map<int64_t, int64_t> documents;
  Account account;
};

Result<Outcome> outcome(const Entries& entries, const Options& options = {}, Timestamp base_time = {100, 0}) {
  const auto states = orders();
  Base base = testing::base_of_states(states);
  base.time = base.from = base_time;
  TRY_ASSIGN(const auto results, testing::run(states, base, entries.all, options));
  Outcome found;
  found.account = results.account;
  for (const auto& document : results.collections.at(kNs).documents) {
    const bson::View view(document);
    found.documents[*view.int64("_id")] = view.int64("n").value_or(-1);
  }
  return found;
}

std::map<int64_t, int64_t> documents(const Entries& entries, const Options& options = {},
                                     Timestamp base_time = {100, 0}) {
  const auto found = outcome(entries, options, base_time);
  EXPECT_TRUE(found) << found.error().message();
  return found ? found->documents : std::map<int64_t, int64_t>{};
}

using Documents = std::map<int64_t, int64_t>;

Options until(uint32_t increment) {
  Options options;
  options.until = Timestamp{100, increment};
  return options;
}

TEST(Transactions, ASmallOneCountsAtItsEntry) {
  Entries e;
  e.apply_ops({insert_op(1, kNs, numbered(9, 90)), remove_op(1, kNs, 2)}, {});
  EXPECT_EQ(documents(e), (Documents{{1, 10}, {3, 30}, {9, 90}}));
}

// RULES 9: an operation inside a transaction counts at its commit, not at its own time.
TEST(Transactions, ALargeOneCountsAtItsLastPart) {
  Entries e;
  e.apply_ops({update_op(1, kNs, 1, set_field("n", 11))}, {.partial = true});
  const Timestamp first = e.last();
  e.update(1, kNs, 2, set_field("n", 21));
  e.apply_ops({update_op(1, kNs, 1, set_field("n", 12))}, {.previous = first});
  EXPECT_EQ(documents(e), (Documents{{1, 12}, {2, 21}, {3, 30}}));
  EXPECT_EQ(documents(e, until(2)), (Documents{{1, 10}, {2, 21}, {3, 30}}));
  EXPECT_EQ(outcome(e, until(2))->account.unfinished, 1u);
}

// RULES 9: a prepared one counts at its commitTimestamp, also where the entry that says so comes after the moment.
TEST(Transactions, APreparedOneCountsAtItsCommitTimestamp) {
  Entries e;
  e.apply_ops({update_op(1, kNs, 1, set_field("n", 11))}, {.prepare = true});  // (100, 1)
  e.update(1, kNs, 2, set_field("n", 21));
  e.update(1, kNs, 2, set_field("n", 22));
  e.commit(1, 1, {100, 2});  // (100, 4)
  e.update(1, kNs, 1, set_field("n", 13));
  EXPECT_EQ(documents(e), (Documents{{1, 13}, {2, 22}, {3, 30}}));
  EXPECT_EQ(documents(e, until(1)), (Documents{{1, 10}, {2, 20}, {3, 30}}));
  EXPECT_EQ(documents(e, until(2)), (Documents{{1, 11}, {2, 21}, {3, 30}}));
  EXPECT_EQ(documents(e, until(3)), (Documents{{1, 11}, {2, 22}, {3, 30}}));
  EXPECT_EQ(outcome(e, until(1))->account.undecided, 0u);
}

TEST(Transactions, TheStreamIsReadOnWhileAPreparedOneIsUndecided) {
  const auto states = orders();
  auto moment = Moment::open(testing::base_of_states(states), until(2));
  Entries e;
  e.apply_ops({update_op(1, kNs, 1, set_field("n", 11))}, {.prepare = true});
  e.noop();
  e.noop();
  e.abort(1, 1);
  for (size_t i = 0; i < e.all.size(); ++i) {
    EXPECT_FALSE((*moment)->enough()) << i;
    ASSERT_TRUE((*moment)->take(e.all[i]));
  }
  EXPECT_TRUE((*moment)->enough());
}

TEST(Transactions, WhatNeverEndedIsDroppedAndCounted) {
  Entries e;
  e.apply_ops({update_op(1, kNs, 1, set_field("n", 11))}, {.prepare = true});
  e.apply_ops({update_op(1, kNs, 2, set_field("n", 21))}, {.session = 2, .partial = true});
  const auto found = outcome(e);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->documents, (Documents{{1, 10}, {2, 20}, {3, 30}}));
  EXPECT_EQ(found->account.unfinished, 2u);
  EXPECT_EQ(found->account.undecided, 1u);
}

TEST(Transactions, AbortedOnesLeaveNothing) {
  Entries e;
  e.apply_ops({update_op(1, kNs, 1, set_field("n", 11))}, {.prepare = true});
  e.abort(1, 1);
  e.apply_ops({update_op(1, kNs, 2, set_field("n", 21))}, {.number = 2, .partial = true});
  e.apply_ops({update_op(1, kNs, 3, set_field("n", 31))}, {.number = 3});
  const auto found = outcome(e);
  EXPECT_EQ(found->documents, (Documents{{1, 10}, {2, 20}, {3, 31}}));
  EXPECT_EQ(found->account.unfinished, 0u);
}

TEST(Transactions, SeveralAtOnceAreKeptApart) {
  Entries e;
  std::array<Timestamp, 5> last;
  for (int round = 0; round < 3; ++round) {
    for (int s = 0; s < 5; ++s) {
      e.apply_ops({insert_op(1, kNs, numbered(100 + 10 * round + s, s))},
                  {.session = s, .partial = round < 2, .previous = last[s]});
      last[s] = e.last();
    }
  }
  auto found = documents(e);
  EXPECT_EQ(found.size(), 3u + 15u);
  EXPECT_EQ(found[124], 4);
}

TEST(Transactions, VectoredInsertsAreNone) {
  Entries e;
  e.apply_ops({insert_op(1, kNs, numbered(8, 80)), insert_op(1, kNs, numbered(9, 90))}, {.previous = {99, 1}}, true);
  EXPECT_EQ(documents(e), (Documents{{1, 10}, {2, 20}, {3, 30}, {8, 80}, {9, 90}}));
}

TEST(Transactions, GroupsWithoutASessionCountAtOnceHoweverNested) {
  Entries e;
  Builder inner;
  inner.add("op", "c").add("ns", "admin.$cmd").open("o").open_array("applyOps");
  inner.add("0", remove_op(1, kNs, 1)).add("1", remove_op(1, kNs, 2));
  e.apply_ops({inner.finish(), insert_op(1, kNs, numbered(3, 31))});
  EXPECT_EQ(documents(e), (Documents{{3, 31}}));
}

// RULES 9: what is in an exact base is passed over, a transaction that was open then is not.
TEST(Transactions, AnExactBaseTakesWhatCommitsAfterIt) {
  Entries e;
  e.update(1, kNs, 3, set_field("n", 31));                                         // in the base already
  e.apply_ops({update_op(1, kNs, 1, set_field("n", 11))}, {.partial = true});      // (100, 2)
  e.apply_ops({update_op(1, kNs, 2, set_field("n", 21))}, {.session = 2});         // in the base already
  e.apply_ops({update_op(1, kNs, 1, set_field("m", 1))}, {.previous = {100, 2}});  // commits after it
  EXPECT_EQ(documents(e, {}, {100, 3}), (Documents{{1, 11}, {2, 20}, {3, 30}}));
  EXPECT_EQ(outcome(e, {}, {100, 3})->account.already_in_base, 2u);
}

// RULES 9: slices are read from the oldest open transaction on; a stream that is not is refused.
TEST(Transactions, AHeadlessOneIsRefusedUnlessTheBaseHoldsIt) {
  Entries e;
  e.apply_ops({update_op(1, kNs, 1, set_field("n", 11))}, {.previous = {99, 7}});
  EXPECT_EQ(documents(e, {}, {100, 1}), (Documents{{1, 10}, {2, 20}, {3, 30}}));
  const auto refused = outcome(e);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kInconsistent);
  Entries missing_commit;
  missing_commit.commit(1, 1, {100, 1});
  EXPECT_EQ(outcome(missing_commit).error().kind(), ErrorKind::kInconsistent);
  EXPECT_TRUE(outcome(missing_commit, {}, {100, 1}));
}

// A backup keeps a prepare that came before its documents were read, and leaves out its end where that did too.
TEST(Transactions, APreparedOneWhoseEndTheBaseKnowsIsNeitherLostNorDoneAgain) {
  Entries e;
  e.apply_ops({update_op(1, kNs, 1, set_field("n", 11))}, {.prepare = true});  // (100, 1): its end is in the base
  e.noop();                                                                    // (100, 2): in the place of its commit
  e.apply_ops({update_op(1, kNs, 2, set_field("n", 21))}, {.number = 2});      // (100, 3)
  e.apply_ops({update_op(1, kNs, 3, set_field("n", 31))}, {.number = 3, .prepare = true});
  e.commit(1, 3, {100, 5});
  EXPECT_EQ(documents(e, {}, {100, 2}), (Documents{{1, 10}, {2, 21}, {3, 31}}));
  const auto gap = outcome(e);
  ASSERT_FALSE(gap) << "a base from before the end needs it";
  EXPECT_EQ(gap.error().kind(), ErrorKind::kInconsistent);
}

TEST(Transactions, AMissingPartIsSeen) {
  Entries e;
  e.apply_ops({}, {.partial = true});
  e.apply_ops({}, {.previous = {100, 7}});
  const auto refused = outcome(e);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kInconsistent);
}

TEST(Transactions, TheirPartsSpillAndComeBack) {
  Entries e;
  Timestamp before;
  for (int32_t i = 0; i < 200; ++i) {
    Builder b;
    b.add("_id", i + 100).add("n", i).add("pad", std::string(2000, 'x'));
    e.apply_ops({insert_op(1, kNs, b.finish())}, {.partial = i < 199, .previous = before});
    before = e.last();
  }
  Options options;
  options.memory = 256u << 10;
  const auto refused = outcome(e, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kInvalidInput);
  EXPECT_NE(refused.error().hints().at(0).find("--spill-dir"), std::string::npos);
  options.spill_folder = ::testing::TempDir();
  const auto found = outcome(e, options);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->documents.size(), 203u);
  EXPECT_GT(found->account.spilled, 100'000u);
}

}  // namespace
}  // namespace varve::moment
