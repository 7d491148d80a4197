#pragma once

#include <mutex>

#include "codec/zstd.h"
#include "repo/index.h"

namespace varve::repo {

/// Decompressors for whoever needs one: making one is dear, and a thread needs it for a moment only. Thread-safe.
class DecompressorPool {
 public:
  /// Calls `use` with a decompressor of its own.
  template <typename Use>
  auto with(Use&& use) {
    auto decompressor = take();
    auto result = use(*decompressor);
    give(std::move(decompressor));
    return result;
  }

 private:
  std::unique_ptr<codec::Decompressor> take();
  void give(std::unique_ptr<codec::Decompressor> decompressor);

  std::mutex mutex_;
  std::vector<std::unique_ptr<codec::Decompressor>> idle_;
};

/// Reads blobs out of packs. Thread-safe.
class BlobReader {
 public:
  BlobReader(storage::Storage& storage, const codec::SealKey& key) : storage_(storage), key_(key) {}

  /// From one place. Bytes change on their way, too: what is wrong is read once more.
  Result<Bytes> load_at(BlobType type, const BlobLocation& at, const Id& id, const Cancel& cancel);
  /// From whichever of the index's places is good. kCorrupt if there is none, or, naming the packs, if all are bad.
  Result<Bytes> load(const Index& index, BlobType type, const Id& id, const Cancel& cancel);
  /// From bytes that were read already.
  Result<Bytes> open(ByteView unit, const BlobLocation& at, const Id& id);

 private:
  storage::Storage& storage_;
  const codec::SealKey& key_;
  DecompressorPool decompressors_;
};

std::string_view type_noun(BlobType type);

}  // namespace varve::repo
