#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "base/result.h"

namespace varve {

/// Why work must stop, where nobody asked for it. Thread-safe.
class StopReason {
 public:
  /// To be called before the stop; the first reason stays.
  void say(Error why);
  std::optional<Error> get() const;

 private:
  mutable std::mutex mutex_;
  std::optional<Error> why_;
};

/// Handed to everything that can wait: tells whether it should stop. Cheap to copy, thread-safe. A default-made one
/// never stops.
class Cancel {
 public:
  Cancel() = default;
  explicit Cancel(std::stop_token token, std::shared_ptr<const StopReason> reason = nullptr)
      : token_(std::move(token)), reason_(std::move(reason)) {}

  /// For work that can stop by itself too: stops with `token`, and knows the same reason.
  Cancel also(std::stop_token token) const { return Cancel(std::move(token), reason_); }

  bool stopped() const { return token_.stop_requested(); }
  /// Once stopped an error: the reason, or kCancelled if there is none.
  Status check() const;
  /// Sleeps, waking up at once when stopped; false if it was stopped.
  bool sleep(std::chrono::nanoseconds duration) const;

  const std::stop_token& token() const { return token_; }

 private:
  std::stop_token token_;
  std::shared_ptr<const StopReason> reason_;
};

}  // namespace varve
