#pragma once

#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"

namespace varve::codec {

/// restic's names for how hard to compress. kOff leaves data blobs as they are; trees and other files are always
/// compressed.
enum class Compression : uint8_t { kOff, kFastest, kAuto, kBetter, kMax };

/// One zstd context, to be kept by a worker for its life. One thread at a time.
class Compressor {
 public:
  explicit Compressor(Compression level = Compression::kAuto);
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;

  /// Appends one frame (content size on, checksum off, window at most 8 MiB) that holds `data`.
  void compress(ByteView data, Bytes& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One zstd context for reading. One thread at a time.
class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  /// The content of one frame whose plain length is known; kCorrupt if it is any other.
  Result<Bytes> decompress_exactly(ByteView frame, size_t plain_size);
  /// The content of one frame of unknown length; kCorrupt once it would pass `limit` bytes, before the memory is taken.
  Result<Bytes> decompress_up_to(ByteView frame, size_t limit);

  /// For one frame that comes in pieces and whose content is taken in pieces: begin, feed, end. It takes the window's
  /// size in memory, whatever the frame says, so only for frames of our own.
  void begin();
  Status feed(ByteView piece, const std::function<void(ByteView)>& take);
  /// kCorrupt unless the frame ended with the last piece.
  Status end() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace varve::codec
