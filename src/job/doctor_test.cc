#include "job/doctor.h"

#include <gtest/gtest.h>

namespace varve::job {
namespace {

using namespace std::chrono_literals;

mongo::OplogExtent extent(uint32_t seconds, uint64_t used, uint64_t limit) {
  return {{1000, 1}, {1000 + seconds, 7}, used, limit};
}

TEST(JudgeOplog, HoldsThreeBackups) {
  EXPECT_EQ(judge_oplog(extent(180, 100, 100), 60s).state, Checked::State::kGood);
  const auto short_one = judge_oplog(extent(179, 100, 100), 60s);
  EXPECT_EQ(short_one.state, Checked::State::kWarning);
  EXPECT_NE(short_one.sentence.find("goes back 2 min; a backup would take about 60 s"), std::string::npos)
      << short_one.sentence;
  EXPECT_FALSE(short_one.hints.empty());
}

TEST(JudgeOplog, OneThatIsNotFullIsJudgedByItsRate) {
  EXPECT_EQ(judge_oplog(extent(20, 10, 100), 60s).state, Checked::State::kGood);
  const auto soon_full = judge_oplog(extent(100, 85, 100), 60s);
  EXPECT_EQ(soon_full.state, Checked::State::kWarning);
  EXPECT_NE(soon_full.sentence.find("not full yet"), std::string::npos) << soon_full.sentence;
  EXPECT_EQ(judge_oplog(extent(1, 0, 0), 60s).state, Checked::State::kWarning) << "its size is not known";
}

}  // namespace
}  // namespace varve::job
