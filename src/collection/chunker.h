#pragma once

#include <functional>

#include "base/bytes.h"
#include "base/result.h"

namespace varve::collection {

/// Derives the key of the cut decisions from a repository's chunker polynomial (HKDF-SHA256), so that repositories with
/// the same polynomial cut alike and deduplicate against each other. Bytes in docs/specs/chunks.md.
std::array<uint8_t, 16> cut_key(uint64_t polynomial);

/// The average chunk size A for a collection of that many bytes: 1, 2, 4 or 8 MiB, which keeps the lists of chunks
/// short.
uint32_t average_for(uint64_t collection_bytes);

/// The averages that may be asked for instead.
constexpr uint32_t kLeastAverage = 256u << 10;
constexpr uint32_t kMostAverage = 8u << 20;

/// A run of whole documents: one blob.
struct Chunk {
  Bytes bytes;
  uint64_t documents = 0;
  Bytes first_id;  ///< the `_id` element of the first document; empty if it has none
};

/// Cuts a stream of documents into chunks of whole documents. After a document of L bytes it cuts if h64(_id) < L *
/// 2^64 / A (saturating) and the chunk holds at least A/4; always before it would pass 4A; a larger document is its own
/// chunk. A document without `_id` is keyed by all of its bytes. The decision has no state beyond the chunk's length,
/// so a change disturbs its neighbourhood only. One thread at a time.
class DocumentChunker {
 public:
  using Sink = std::function<Status(Chunk)>;
  using Buffers = std::function<Bytes()>;

  /// `average` in bytes. `sink` gets each chunk as it is complete, and may wait. `buffers` gives each chunk an empty
  /// buffer that may have room already.
  DocumentChunker(
      std::span<const uint8_t, 16> key, uint32_t average, Sink sink, Buffers buffers = [] { return Bytes(); });

  /// `documents`: whole documents, one after the other. Framing is checked; kCorrupt if it is broken.
  Status add(ByteView documents);
  /// One document that was already framed.
  Status add_document(ByteView document);
  /// Hands over what is left, if anything.
  Status finish();
  /// What the chunk that is not complete yet takes: the room that its buffer has, however little is in it.
  size_t held() const { return current_.bytes.capacity(); }

 private:
  /// Whether a document with that key and size ends a chunk of `length` bytes, itself included.
  bool cuts_after(ByteView key, size_t document, size_t length) const;
  Status cut();

  std::array<uint8_t, 16> key_;
  uint32_t average_;
  Sink sink_;
  Buffers buffers_;
  Chunk current_;
};

}  // namespace varve::collection
