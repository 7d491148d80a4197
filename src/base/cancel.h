#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <utility>

#include "base/result.h"

namespace varve {

/// Handed to everything that can wait: tells whether it should stop. Cheap to copy, thread-safe. A default-made one
/// never stops.
class Cancel {
 public:
  Cancel() = default;
  explicit Cancel(std::stop_token token) : token_(std::move(token)) {}

  bool stopped() const { return token_.stop_requested(); }
  /// An error of kind kCancelled once stopped.
  Status check() const;
  /// Sleeps, waking up at once when stopped; false if it was stopped.
  bool sleep(std::chrono::nanoseconds duration) const;

  const std::stop_token& token() const { return token_; }

 private:
  std::stop_token token_;
};

}  // namespace varve
