#include "base/cancel.h"

#include <condition_variable>

namespace varve {

void StopReason::say(Error why) {
  std::lock_guard lock(mutex_);
  if (!why_) why_ = std::move(why);
}

std::optional<Error> StopReason::get() const {
  std::lock_guard lock(mutex_);
  return why_;
}

Status Cancel::check() const {
  if (!stopped()) return {};
  if (auto why = reason_ ? reason_->get() : std::nullopt) return fail(*std::move(why));
  return fail(ErrorKind::kCancelled, "interrupted");
}

bool Cancel::sleep(std::chrono::nanoseconds duration) const {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, token_, duration, [] { return false; });
  return !stopped();
}

}  // namespace varve
