#include <algorithm>

#include <gtest/gtest.h>

#include "moment/testing/cases.h"

namespace varve::moment {
namespace {

using testing::Case;

Options options_with(uint64_t memory) {
  Options options;
  options.memory = memory;
  options.spill_folder = ::testing::TempDir();
  return options;
}

/// What servers of both families recorded: base, oplog, and what they had in the end.
class Recorded : public ::testing::TestWithParam<std::string> {};

// RULES 10: base merged with oplog is what the server has.
TEST_P(Recorded, BaseMergedWithOplogIsTheFinalState) {
  const Case recorded = testing::load_case(GetParam());
  const auto results = testing::run(recorded.base, testing::base_of_case(recorded), recorded.entries, Options());
  ASSERT_TRUE(results) << results.error().message();
  expect_state(*results, recorded.final);
  EXPECT_EQ(results->account.missing, std::vector<std::string>());
  EXPECT_EQ(results->account.unfinished, 0u);
  EXPECT_EQ(results->account.spilled, 0u);
}

// RULES 3: a base read over a window takes entries that it holds already.
TEST_P(Recorded, AnExactBaseServesAsOneReadOverAWindow) {
  const Case recorded = testing::load_case(GetParam());
  Base base = testing::base_of_case(recorded);
  base.exact = false;
  base.time = recorded.t1;
  const auto results = testing::run(recorded.base, base, recorded.entries, Options());
  ASSERT_TRUE(results) << results.error().message();
  expect_state(*results, recorded.final);
}

// RULES 3: what the whole oplog made, replayed over its end, changes nothing.
TEST_P(Recorded, ReplayedOverItsOwnEndItChangesNothing) {
  const Case recorded = testing::load_case(GetParam());
  Case again = recorded;
  again.base = recorded.final;
  again.fuzzy = true;
  const auto results = testing::run(again.base, testing::base_of_case(again), again.entries, Options());
  ASSERT_TRUE(results) << results.error().message();
  expect_state(*results, recorded.final);
}

// RULES 10: with next to no memory everything is spilled, in several passes, and the result is the same.
TEST_P(Recorded, HardlyAnyMemoryChangesNothing) {
  const Case recorded = testing::load_case(GetParam());
  const auto results =
      testing::run(recorded.base, testing::base_of_case(recorded), recorded.entries, options_with(256u << 10), 3);
  ASSERT_TRUE(results) << results.error().message();
  expect_state(*results, recorded.final);
  if (recorded.name == "08-fuzzy-wide") {
    EXPECT_GT(results->account.spilled, 0u);
    EXPECT_GT(results->collections.at("pit_08_a.docs").passes, 1u);
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, Recorded,
                         ::testing::Values("4.4-01-crud", "4.4-02-arrays", "4.4-03-types", "4.4-04-ddl",
                                           "4.4-05-transactions", "4.4-06-storm", "4.4-07-fuzzy-storm",
                                           "4.4-08-fuzzy-wide", "6.0-01-crud", "6.0-02-arrays", "6.0-03-types",
                                           "6.0-04-ddl", "6.0-05-transactions", "6.0-06-storm", "6.0-07-fuzzy-storm",
                                           "6.0-08-fuzzy-wide"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace_if(name, [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

}  // namespace
}  // namespace varve::moment
