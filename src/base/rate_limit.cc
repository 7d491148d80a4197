#include "base/rate_limit.h"

#include <algorithm>

namespace varve {

Status RateLimit::pay(uint64_t bytes, const Cancel& cancel) {
  const std::chrono::duration<double> price(static_cast<double>(bytes) / static_cast<double>(rate_));
  const auto now = clock_.ticks();
  std::chrono::nanoseconds wait;
  {
    const std::lock_guard lock(mutex_);
    paid_until_ = std::max(paid_until_, now) + std::chrono::duration_cast<std::chrono::nanoseconds>(price);
    wait = paid_until_ - now;
  }
  if (clock_.sleep(wait, cancel)) return {};
  return cancel.check();
}

}  // namespace varve
