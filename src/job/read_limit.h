#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace varve::job {

/// How fast all readers of a backup together may read from the server, so that others get their share of it. What was
/// read is paid for afterwards, by waiting: a reply comes as it comes, the average does not exceed the rate. Time in
/// which nothing was read is not saved up. Thread-safe.
class ReadLimit {
 public:
  /// The least rate for so many readers. They wait for each other, so below it one would pause so long between two
  /// replies of 16 MB that the server, which takes ten minutes, forgets its cursor.
  static uint64_t least_for(unsigned readers) { return std::max<uint64_t>(16, readers) * kLeastOfEach; }

  /// `rate` in bytes a second, above 0.
  explicit ReadLimit(uint64_t rate, const Clock& clock = system_clock()) : rate_(rate), clock_(clock) {}

  /// To be called after so many bytes came in: returns when they, and what others took before, are paid for.
  Status pay(uint64_t bytes, const Cancel& cancel);

 private:
  static constexpr uint64_t kLeastOfEach = 64 << 10;  // about four minutes a reply

  const uint64_t rate_;
  const Clock& clock_;
  std::mutex mutex_;
  std::chrono::nanoseconds paid_until_{0};
};

}  // namespace varve::job
