#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace varve::collection {

/// What the key index says of one chunk.
struct ChunkEntry {
  Id blob;
  uint64_t documents = 0;
  Bytes first_id;  ///< `_id` element
};

/// The key index of one collection: per chunk, in file order, its blob, document count and first `_id`. Bytes in
/// docs/specs/key-index.md. encode is deterministic, so an unchanged index deduplicates.
Bytes encode_key_index(const std::vector<ChunkEntry>& chunks);
/// kCorrupt unless the bytes are exactly what encode makes.
Result<std::vector<ChunkEntry>> decode_key_index(ByteView bytes);

}  // namespace varve::collection
