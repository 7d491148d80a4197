#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

#include "base/cancel.h"

namespace varve {

/// How long to clean up after what failed: a place that does not answer must not keep anybody from ending.
inline constexpr std::chrono::seconds kCleanUp{15};

/// Gives a Cancel that stops by itself after a time, with kUnavailable for a reason, and with its parent before.
class TimedStop {
 public:
  explicit TimedStop(std::chrono::nanoseconds after, const Cancel& parent = Cancel());

  /// Stops for as long as this lives.
  Cancel cancel() const { return Cancel(source_.get_token(), reason_); }

 private:
  void stop(Error why);

  const std::shared_ptr<StopReason> reason_ = std::make_shared<StopReason>();
  std::stop_source source_;
  std::stop_callback<std::function<void()>> relay_;
  std::jthread timer_;  // last: uses what stands above
};

}  // namespace varve
