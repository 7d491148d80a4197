#include <algorithm>
#include <cctype>
#include <filesystem>

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

// RULES 10, 12: base merged with oplog is what the server has, and the digest that the merge adds up is that of what
// came out.
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

/// Every case of tests/data/moment.
std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(VARVE_TEST_DATA "/moment")) {
    if (entry.path().extension() == ".zst") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Servers, Recorded, ::testing::ValuesIn(cases()), [](const auto& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

}  // namespace
}  // namespace varve::moment
