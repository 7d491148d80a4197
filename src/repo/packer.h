#pragma once

#include <mutex>

#include "repo/buffer_pool.h"
#include "repo/pack.h"

namespace varve::repo {

/// The packs that are being filled: two for data and two for trees, a blob going into either at random, so that the
/// sizes of packs tell less about what is in them. Thread-safe.
class Packer {
 public:
  Packer(const codec::SealKey& key, uint64_t pack_size)
      : key_(key), pack_size_(pack_size), rooms_(capacity(), capacity() + capacity() / 2) {}

  /// A pack that became full by it, finished, is the caller's to upload.
  std::optional<PackBuilder> add(BlobType type, const Id& id, ByteView unit, uint32_t plain_length);
  /// What is left, finished; the packs of one type joined where they fit into one.
  std::vector<PackBuilder> flush();
  /// A pack that is stored: its room is the next one's.
  void recycle(PackBuilder pack) { rooms_.give(std::move(pack).release()); }

 private:
  struct Slot {
    std::mutex mutex;
    std::optional<PackBuilder> pack;
  };

  PackBuilder finished(PackBuilder pack) const;
  /// Twice the target, so that a pack never moves: what is not used is not touched.
  uint64_t capacity() const { return 2 * pack_size_; }
  PackBuilder fresh() { return PackBuilder(capacity(), rooms_.take()); }

  const codec::SealKey& key_;
  const uint64_t pack_size_;
  BufferPool rooms_;
  Slot slots_[2][2];
};

}  // namespace varve::repo
