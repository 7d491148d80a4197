#pragma once

#include <functional>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/rabin.h"

namespace varve::files {

/// Fills the front of `into`, which is not empty, and gives how many bytes that were; 0 is the end.
using ReadInto = std::function<Result<size_t>(std::span<uint8_t> into)>;
/// Gets the stream piece by piece, in order.
using TakeChunk = std::function<Status(Bytes chunk)>;

/// Reads a stream to its end and cuts it where restic does. `expected` is how long it is likely to be.
/// `chunker` begins a new stream; it can be used again for the next one. Memory: two chunks.
Status cut_stream(codec::RabinChunker& chunker, uint64_t expected, const ReadInto& read, const TakeChunk& take);

}  // namespace varve::files
