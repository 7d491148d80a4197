#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "base/cancel.h"

namespace varve {

/// A bounded queue between stages: push waits while it is full, pop while it is empty. Thread-safe. The bound is what
/// makes the memory of a pipeline computable, so a capacity is always given.
template <typename T>
class Channel {
 public:
  explicit Channel(size_t capacity) : capacity_(capacity) {}

  /// False if the channel was closed or `cancel` stopped; the value is then dropped.
  [[nodiscard]] bool push(T value, const Cancel& cancel) {
    std::unique_lock lock(mutex_);
    const bool ready = changed_.wait(lock, cancel.token(), [&] { return closed_ || queue_.size() < capacity_; });
    if (!ready || closed_) return false;
    queue_.push_back(std::move(value));
    changed_.notify_all();
    return true;
  }

  /// Nothing once the channel is closed and drained, or when `cancel` stopped.
  std::optional<T> pop(const Cancel& cancel) {
    std::unique_lock lock(mutex_);
    const bool ready = changed_.wait(lock, cancel.token(), [&] { return closed_ || !queue_.empty(); });
    if (!ready || queue_.empty()) return std::nullopt;
    std::optional<T> value(std::move(queue_.front()));
    queue_.pop_front();
    changed_.notify_all();
    return value;
  }

  /// No more will be pushed; those waiting in pop get what is left, then nothing.
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<T> queue_;
  bool closed_ = false;
};

}  // namespace varve
