#pragma once

#include <mutex>

#include "repo/pack.h"

namespace varve::repo {

/// The packs that are being filled: two for data and two for trees, a blob going into either at random, so that the
/// sizes of packs tell less about what is in them. Thread-safe.
class Packer {
 public:
  Packer(const codec::SealKey& key, uint64_t pack_size) : key_(key), pack_size_(pack_size) {}

  /// A pack that became full by it, finished, is the caller's to upload.
  std::optional<PackBuilder> add(BlobType type, const Id& id, ByteView unit, uint32_t plain_length);
  /// What is left, finished; the packs of one type joined where they fit into one.
  std::vector<PackBuilder> flush();

 private:
  struct Slot {
    std::mutex mutex;
    std::optional<PackBuilder> pack;
  };

  PackBuilder finished(PackBuilder pack) const;
  /// Twice the target, so that a pack never moves: what is not used is not touched.
  PackBuilder fresh() const { return PackBuilder(2 * pack_size_); }

  const codec::SealKey& key_;
  const uint64_t pack_size_;
  Slot slots_[2][2];
};

}  // namespace varve::repo
