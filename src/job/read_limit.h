#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace varve::job {

/// How fast all readers of a backup together may read from the server, so that others get their share of it. What was
/// read is paid for afterwards, by waiting: a reply comes as it comes, the average does not exceed the rate. Time in
/// which nothing was read is not saved up. Thread-safe.
class ReadLimit {
 public:
  /// Below it a reader would pause so long between two replies of 16 MB that the server forgets its cursor.
  static constexpr uint64_t kLeast = 1 << 20;

  /// `rate` in bytes a second, above 0.
  explicit ReadLimit(uint64_t rate, const Clock& clock = system_clock()) : rate_(rate), clock_(clock) {}

  /// To be called after so many bytes came in: returns when they, and what others took before, are paid for.
  Status pay(uint64_t bytes, const Cancel& cancel);

 private:
  const uint64_t rate_;
  const Clock& clock_;
  std::mutex mutex_;
  std::chrono::nanoseconds paid_until_{0};
};

}  // namespace varve::job
