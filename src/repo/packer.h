#pragma once

#include <condition_variable>
#include <mutex>

#include "base/cancel.h"
#include "repo/buffer_pool.h"
#include "repo/pack.h"

namespace varve::repo {

/// The packs that are being filled: two for data and two for trees, a blob going into either at random, so that the
/// sizes of packs tell less about what is in them; into the other where there may be no more packs. Thread-safe; must
/// outlive its packs.
class Packer {
 public:
  /// `packs`: how many of each type there may be at once, at least one; those count that are full, until they are let
  /// go.
  Packer(const codec::SealKey& key, uint64_t pack_size, size_t packs = 2)
      : key_(key), pack_size_(pack_size), most_(packs), rooms_(capacity(), capacity() + capacity() / 2) {}

  /// A pack that became full by it, finished, is the caller's to upload. Waits while there is none to be filled and may
  /// be no more: for one to be uploaded and let go. A blob as large as a pack has one of its own, which is not counted.
  /// An error once `cancel` has stopped.
  Result<std::optional<PackBuilder>> add(BlobType type, const Id& id, ByteView unit, uint32_t plain_length,
                                         const Cancel& cancel);
  /// What is left, finished; the packs of one type joined where they fit into one.
  std::vector<PackBuilder> flush();
  /// A pack that is stored: its room is the next one's.
  void recycle(PackBuilder pack) { rooms_.give(std::move(pack).release()); }
  /// Drops what is left and frees its memory. For when the Cancel of those who add has stopped: nothing comes after it.
  void drop();

 private:
  using Slot = std::optional<PackBuilder>;
  struct Packs {
    Packer* packer;
    Slot slots[2]{};
    size_t number = 0;  ///< that are not let go
  };

  /// The slot that was chosen, if it can be; none while there is no pack and may be no more.
  Slot* slot_to_fill(Packs& packs, size_t chosen);
  PackBuilder fresh(Packs& packs);
  PackBuilder finished(PackBuilder pack) const;
  /// Twice the target, so that a pack never moves: what is not used is not touched.
  uint64_t capacity() const { return 2 * pack_size_; }

  const codec::SealKey& key_;
  const uint64_t pack_size_;
  const size_t most_;
  BufferPool rooms_;
  std::mutex mutex_;  ///< of what follows
  std::condition_variable_any changed_;
  Packs packs_[2]{{.packer = this}, {.packer = this}};  ///< by type
};

}  // namespace varve::repo
