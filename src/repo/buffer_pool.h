#pragma once

#include <mutex>
#include <vector>

#include "base/bytes.h"

namespace varve::repo {

/// Buffers of megabytes that go round, since new ones cost a page fault for every four kilobytes. One that lies idle is
/// given out before another is made, and what was not taken here is not kept, so there are never more of them than were
/// in use at once. Thread-safe.
class BufferPool {
 public:
  /// Keeps buffers that have room for that many bytes, no smaller ones and no larger.
  BufferPool(size_t smallest, size_t largest) : smallest_(smallest), largest_(largest) {}

  /// An empty buffer, with room if one was given back.
  Bytes take() {
    std::lock_guard lock(mutex_);
    ++taken_;
    if (idle_.empty()) return {};
    Bytes buffer = std::move(idle_.back());  // the one most likely to be in the processor's cache
    idle_.pop_back();
    return buffer;
  }
  /// Frees a buffer where none is taken: nobody here would take it again.
  void give(Bytes buffer) {
    std::lock_guard lock(mutex_);
    if (taken_ == 0) return;
    --taken_;
    if (buffer.capacity() < smallest_ || buffer.capacity() > largest_) return;
    buffer.clear();
    idle_.push_back(std::move(buffer));
  }
  /// Frees what lies idle.
  void clear() {
    std::lock_guard lock(mutex_);
    idle_.clear();
  }

 private:
  const size_t smallest_, largest_;
  std::mutex mutex_;
  std::vector<Bytes> idle_;
  size_t taken_ = 0;  ///< and not given back
};

}  // namespace varve::repo
