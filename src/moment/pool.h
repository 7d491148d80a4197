#pragma once

#include <algorithm>
#include <atomic>
#include <memory>

#include "moment/spill.h"

namespace varve::moment {

/// How a budget of memory is shared out, what is taken of it, and where the rest goes. The parts count what they hold
/// themselves; whoever owns them sees to it that the limits are kept, after every operation.
struct Pool {
  Pool(std::shared_ptr<Spill> to, uint64_t memory)
      : spill(std::move(to)),
        index_limit(memory / 2),
        records_limit(memory / 4),
        waiting_limit(memory / 8),
        block(std::clamp<uint64_t>(memory >> 10, 1u << 10, 16u << 10)),
        queue_block(std::clamp<uint64_t>(memory >> 9, 256, 64u << 10)) {}

  const std::shared_ptr<Spill> spill;
  const uint64_t index_limit;    ///< tables of keys, lists of blocks, buffers of what other passes take
  const uint64_t records_limit;  ///< documents and updates
  const uint64_t waiting_limit;  ///< parts of open transactions
  const uint64_t block;          ///< records are spilled and read back so much at once, or one if that is larger
  const uint64_t queue_block;    ///< the same of what is only read in its order

  std::atomic<uint64_t> index{0}, records{0}, waiting{0};
};

/// A part of one of the pool's counters: gives back on destruction.
class Taken {
 public:
  explicit Taken(std::atomic<uint64_t>& counter) : counter_(&counter) {}
  ~Taken() { set(0); }
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;
  void set(uint64_t bytes) {
    *counter_ += bytes - bytes_;  // wraps where it shrinks
    bytes_ = bytes;
  }
  void add(uint64_t bytes) { set(bytes_ + bytes); }
  void subtract(uint64_t bytes) { set(bytes_ - bytes); }
  uint64_t bytes() const { return bytes_; }

 private:
  std::atomic<uint64_t>* counter_;
  uint64_t bytes_ = 0;
};

}  // namespace varve::moment
