#include "base/rate_limit.h"

#include <gtest/gtest.h>

#include "base/testing/paid.h"

namespace varve {
namespace {

using namespace std::chrono_literals;

using testing::FakeClock;
using testing::waited;

TEST(RateLimit, TakesAsLongAsTheRateSays) {
  const FakeClock clock;
  RateLimit limit(1'000'000, clock);
  EXPECT_EQ(waited(limit, 16'000'000, clock), 16s);
  EXPECT_EQ(waited(limit, 500'000, clock), 500ms);
  EXPECT_EQ(waited(limit, 0, clock), 0s);
}

TEST(RateLimit, MovingItselfCountsAsWaiting) {
  const FakeClock clock;
  RateLimit limit(1'000'000, clock);
  EXPECT_EQ(waited(limit, 1'000'000, clock), 1s);
  clock.advance(300ms);  // the next reply is on its way
  EXPECT_EQ(waited(limit, 1'000'000, clock), 1s) << "time without a debt is not saved up";
}

TEST(RateLimit, AllPayTogether) {
  const FakeClock clock;
  RateLimit limit(1'000'000, clock);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(limit.pay(2'000'000, Cancel(stop.get_token()))) << "who stops owes what was moved";
  EXPECT_EQ(waited(limit, 1'000'000, clock), 3s);
}

TEST(RateLimit, ManyBytesAreNoOverflow) {
  const FakeClock clock;
  RateLimit limit(1 << 20, clock);
  EXPECT_EQ(waited(limit, uint64_t(1) << 40, clock), std::chrono::seconds(1 << 20));
}

}  // namespace
}  // namespace varve
