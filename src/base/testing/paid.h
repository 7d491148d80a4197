#pragma once

#include <gtest/gtest.h>

#include "base/rate_limit.h"

// How long a rate limit lets wait, by a clock of its own.

namespace varve::testing {

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
  mutable std::chrono::nanoseconds ticks_{std::chrono::hours(1)};
};

/// What a payment waited for.
inline std::chrono::nanoseconds waited(RateLimit& limit, uint64_t bytes, const FakeClock& clock) {
  const auto before = clock.ticks();
  EXPECT_TRUE(limit.pay(bytes, Cancel()));
  return clock.ticks() - before;
}

}  // namespace varve::testing
