#include "job/read_limit.h"

#include <gtest/gtest.h>

namespace varve::job {
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
std::chrono::nanoseconds waited(ReadLimit& limit, uint64_t bytes, const FakeClock& clock) {
  const auto before = clock.ticks();
  EXPECT_TRUE(limit.pay(bytes, Cancel()));
  return clock.ticks() - before;
}

TEST(ReadLimit, TakesAsLongAsTheRateSays) {
  const FakeClock clock;
  ReadLimit limit(1'000'000, clock);
  EXPECT_EQ(waited(limit, 16'000'000, clock), 16s);
  EXPECT_EQ(waited(limit, 500'000, clock), 500ms);
  EXPECT_EQ(waited(limit, 0, clock), 0s);
}

TEST(ReadLimit, ReadingItselfCountsAsWaiting) {
  const FakeClock clock;
  ReadLimit limit(1'000'000, clock);
  EXPECT_EQ(waited(limit, 1'000'000, clock), 1s);
  clock.advance(300ms);  // the next reply is on its way
  EXPECT_EQ(waited(limit, 1'000'000, clock), 1s) << "time without a debt is not saved up";
}

TEST(ReadLimit, ReadersPayTogether) {
  const FakeClock clock;
  ReadLimit limit(1'000'000, clock);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(limit.pay(2'000'000, Cancel(stop.get_token()))) << "a reader that stops owes what it has read";
  EXPECT_EQ(waited(limit, 1'000'000, clock), 3s);
}

// A server forgets a cursor of which nothing was asked for ten minutes.
TEST(ReadLimit, AtTheLeastRateNoReaderPausesForTooLong) {
  for (const unsigned readers : {0u, 1u, 16u, 38u, 39u, 1000u}) {
    const FakeClock clock;
    ReadLimit limit(ReadLimit::least_for(readers), clock);
    std::stop_source stop;
    stop.request_stop();
    for (unsigned i = 1; i < readers; ++i) EXPECT_FALSE(limit.pay(16 << 20, Cancel(stop.get_token())));
    EXPECT_LE(waited(limit, 16 << 20, clock), 5min) << readers;
  }
}

TEST(ReadLimit, ManyBytesAreNoOverflow) {
  const FakeClock clock;
  ReadLimit limit(1 << 20, clock);
  EXPECT_EQ(waited(limit, uint64_t(1) << 40, clock), std::chrono::seconds(1 << 20));
}

}  // namespace
}  // namespace varve::job
