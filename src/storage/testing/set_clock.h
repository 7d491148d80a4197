#pragma once

#include <atomic>

#include "base/clock.h"

namespace varve::storage::testing {

/// Stands still until it is set forward. Thread-safe.
class SetClock final : public Clock {
 public:
  Time now() const override { return Time(std::chrono::seconds(seconds_.load())); }
  std::chrono::nanoseconds ticks() const override { return now().time_since_epoch(); }
  bool sleep(std::chrono::nanoseconds, const Cancel&) const override { return true; }
  void go_on(int64_t seconds) { seconds_ += seconds; }

 private:
  std::atomic<int64_t> seconds_ = 1'800'000'000;
};

}  // namespace varve::storage::testing
