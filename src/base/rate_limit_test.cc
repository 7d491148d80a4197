#include "base/rate_limit.h"

#include <gtest/gtest.h>

namespace varve {
namespace {

using namespace std::chrono_literals;

/// Sleeping moves it on; nothing else does, but advance().
class FakeClock final : public Clock {
 public:
  Time now() const override { return Time(ticks_); }
  std::chrono::nanoseconds ticks() const override { return ticks_; }
  bool sleep(std::chrono::nanoseconds duration, const Cancel& cancel) const override {
    if (cancel.stopped()) return false;
    ticks_ += duration;
    return true;
  }
  void advance(std::chrono::nanoseconds duration) const { ticks_ += duration; }

 private:
  mutable std::chrono::nanoseconds ticks_{1h};
};

/// What a payment waited for.
std::chrono::nanoseconds waited(RateLimit& limit, uint64_t bytes, const FakeClock& clock) {
  const auto before = clock.ticks();
  EXPECT_TRUE(limit.pay(bytes, Cancel()));
  return clock.ticks() - before;
}

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
