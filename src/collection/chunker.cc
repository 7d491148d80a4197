#include "collection/chunker.h"

#include <algorithm>

#include "bson/view.h"
#include "codec/hash.h"

namespace varve::collection {

namespace {

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kGiB = 1u << 30;

/// floor(a * b / 2^64)
uint64_t multiply_high(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>((Wide{a} * b) >> 64);
}

}  // namespace

std::array<uint8_t, 16> cut_key(uint64_t polynomial) {
  Bytes secret;
  append_le(secret, polynomial);
  std::array<uint8_t, 16> key;
  codec::hkdf_sha256(secret, {}, "varve key-cut chunks 1", key);
  return key;
}

uint32_t average_for(uint64_t collection_bytes) {
  if (collection_bytes <= 64 * kGiB) return 1 * kMiB;
  if (collection_bytes <= 256 * kGiB) return 2 * kMiB;
  if (collection_bytes <= 1024 * kGiB) return 4 * kMiB;
  return 8 * kMiB;
}

DocumentChunker::DocumentChunker(std::span<const uint8_t, 16> key, uint32_t average, Sink sink, Buffers buffers)
    : average_(average), sink_(std::move(sink)), buffers_(std::move(buffers)) {
  std::copy(key.begin(), key.end(), key_.begin());
}

// h * A / 2^64 < L is h < L * 2^64 / A without a division, and holds for every h once L reaches A.
bool DocumentChunker::cuts_after(ByteView key, size_t document, size_t length) const {
  return length >= average_ / 4 && multiply_high(codec::siphash24(key_, key), average_) < document;
}

Status DocumentChunker::add(ByteView documents) {
  const uint64_t longest = uint64_t{average_} * 4;
  size_t copied = 0, at = 0;  // what lies between is part of the current chunk, and copied in one go
  const auto copy = [&] {
    append(current_.bytes, documents.subspan(copied, at - copied));
    copied = at;
  };
  while (at < documents.size()) {
    const auto size = bson::check_framing(documents.subspan(at));
    if (!size) return fail(ErrorKind::kCorrupt, "what should be a document is not BSON: its length field is wrong");
    const ByteView document = documents.subspan(at, *size);
    const ByteView id = bson::id_element(document);
    size_t length = current_.bytes.size() + (at - copied);
    if (length > 0 && length + *size > longest) {
      copy();
      TRY(cut());
      length = 0;
    }
    if (current_.documents++ == 0) {
      current_.first_id = to_bytes(id);
      current_.bytes = buffers_();
    }
    at += *size;
    if (cuts_after(id.empty() ? document : id, *size, length + *size)) {
      copy();
      TRY(cut());
    }
  }
  copy();
  return {};
}

Status DocumentChunker::add_document(ByteView document) {
  return add(document);
}

Status DocumentChunker::finish() {
  if (current_.documents == 0) return {};
  return cut();
}

Status DocumentChunker::cut() {
  return sink_(std::exchange(current_, Chunk()));
}

}  // namespace varve::collection
