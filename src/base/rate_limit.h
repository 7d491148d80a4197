#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace varve {

/// How fast all who share it may go together, so that others get their share. What was moved is paid for afterwards, by
/// waiting: it comes as it comes, the average does not exceed the rate. Time in which nothing was moved is not saved
/// up. Thread-safe.
class RateLimit {
 public:
  /// `rate` in bytes a second, above 0.
  explicit RateLimit(uint64_t rate, const Clock& clock = system_clock()) : rate_(rate), clock_(clock) {}

  /// To be called after so many bytes were moved: returns when they, and what others took before, are paid for.
  Status pay(uint64_t bytes, const Cancel& cancel);
  uint64_t rate() const { return rate_; }

 private:
  const uint64_t rate_;
  const Clock& clock_;
  std::mutex mutex_;
  std::chrono::nanoseconds paid_until_{0};
};

}  // namespace varve
