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

}  // namespace
}  // namespace varve::job
