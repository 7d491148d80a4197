#include "files/chunk_stream.h"

#include <algorithm>

namespace varve::files {

namespace {

constexpr size_t kReadAtOnce = 512u << 10;
constexpr size_t kUsualChunk = 1536u << 10;  // what most chunks of a large file fit into

/// One more byte is asked for, so that the end is seen without growing.
uint64_t room_for(uint64_t left) {
  return std::min<uint64_t>(left, kUsualChunk - 1) + 1;
}

}  // namespace

Status cut_stream(codec::RabinChunker& chunker, uint64_t expected, const ReadInto& read, const TakeChunk& take) {
  chunker.reset();
  uint64_t left = expected;
  Bytes chunk;
  size_t known = 0;  // of the chunk, what the chunker has seen
  while (true) {
    if (chunk.capacity() == 0) chunk.reserve(room_for(left));
    const size_t filled = chunk.size();
    const size_t room = filled < chunk.capacity() ? std::min(chunk.capacity() - filled, kReadAtOnce) : kReadAtOnce;
    chunk.resize(filled + room);
    TRY_ASSIGN(const auto got, read(std::span(chunk).subspan(filled)));
    chunk.resize(filled + got);
    if (got == 0) break;
    left -= std::min<uint64_t>(left, got);
    while (known < chunk.size()) {
      bool cut = false;
      known += chunker.feed(ByteView(chunk).subspan(known), &cut);
      if (!cut) continue;
      Bytes next;
      next.reserve(std::max<uint64_t>(chunk.size() - known, room_for(left)));
      append(next, ByteView(chunk).subspan(known));
      chunk.resize(known);
      TRY(take(std::move(chunk)));
      chunk = std::move(next);
      known = 0;
    }
  }
  return chunk.empty() ? Status() : take(std::move(chunk));
}

}  // namespace varve::files
