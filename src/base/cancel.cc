#include "base/cancel.h"

#include <condition_variable>
#include <mutex>

namespace varve {

Status Cancel::check() const {
  if (stopped()) return fail(ErrorKind::kCancelled, "interrupted");
  return {};
}

bool Cancel::sleep(std::chrono::nanoseconds duration) const {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, token_, duration, [] { return false; });
  return !stopped();
}

}  // namespace varve
