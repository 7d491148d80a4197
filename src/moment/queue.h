#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "moment/pool.h"

namespace varve::moment {

/// Pieces of bytes, put in at one end and read from the other in the same order; in memory until flushed, then in the
/// spill file. One thread.
class Queue {
 public:
  /// Counts what it holds in memory in `counter`. Flushes by itself whenever that is `flush_at` bytes or more.
  Queue(std::shared_ptr<Spill> spill, std::atomic<uint64_t>& counter, uint64_t flush_at = UINT64_MAX)
      : spill_(std::move(spill)), flush_at_(flush_at), held_(counter) {}
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /// One piece, made of these parts; 4 GiB at most.
  Status push(std::initializer_list<ByteView> parts);
  Status flush();
  uint64_t pieces() const { return pieces_; }
  uint64_t bytes() const { return bytes_; }        ///< of all pieces
  uint64_t held() const { return held_.bytes(); }  ///< in memory

  /// The next piece or nothing at the end; valid until the next call. What was read is given back to the disk, so a
  /// queue is read once, and nothing is pushed after the first read.
  Result<std::optional<ByteView>> pop();

 private:
  Status put_away_extents();
  Result<bool> next_block();
  void count_held() { held_.set(buffer_.capacity() + (extents_.capacity() + lists_.capacity()) * sizeof(Extent)); }

  const std::shared_ptr<Spill> spill_;
  const uint64_t flush_at_;
  std::vector<Extent> lists_;    // each of kList extents, which lie in the file as well
  std::vector<Extent> extents_;  // the newest
  Bytes buffer_;                 // the newest pieces
  Taken held_;
  uint64_t pieces_ = 0, bytes_ = 0;

  std::vector<Extent> reading_;  // while reading
  size_t next_list_ = 0, next_extent_ = 0;
  bool reading_newest_ = false, reading_buffer_ = false;
  Bytes block_;
  ByteView rest_;
};

}  // namespace varve::moment
