#pragma once

#include <optional>

#include "codec/zstd.h"
#include "repo/repository.h"

namespace varve::repo {

/// Makes of a blob what is stored of it: compressed once, then for each repository that wants it sealed with its key,
/// opened, decompressed and hashed once more. One worker's, for its life.
class BlobEncoder {
 public:
  explicit BlobEncoder(codec::Compression level);

  struct Blob {
    ByteView plain;  ///< must stay until the blob has been sealed for all
    Id id{};
    bool always = false;  ///< compressed whatever the level, and even if that gains nothing
  };
  /// The next blob, for so many repositories.
  void begin(const Blob& blob, size_t repositories);

  /// Valid until the next call.
  struct Unit {
    ByteView bytes;
    uint32_t plain_length = 0;  ///< 0: it is not compressed
  };
  /// For the next repository; one of format 1 gets what is not compressed. kInternal if it does not come back whole.
  Result<Unit> seal_for(const Repository& repository);
  /// Frees what only a large blob needs.
  void end();

 private:
  bool gains();
  void lay_out(bool compressed);

  const codec::Compression level_;
  codec::Compressor compressor_;
  codec::Decompressor decompressor_;
  Blob blob_;
  size_t left_ = 0;           ///< repositories that it is still to be sealed for
  std::optional<bool> gain_;  ///< whether what is in packed_ is worth it, once it was tried
  Bytes packed_, unit_;       ///< both with room for the seal's beginning
};

}  // namespace varve::repo
