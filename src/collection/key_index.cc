#include "collection/key_index.h"

#include "bson/view.h"

namespace varve::collection {

namespace {

constexpr std::string_view kMagic = "varvekey";
constexpr uint8_t kVersion = 1;
constexpr size_t kIdSize = 32;
constexpr size_t kSmallestEntry = kIdSize + 2;

/// LEB128: seven bits a byte, lowest first.
void append_varint(Bytes& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<uint8_t>(value | 0x80));
  out.push_back(static_cast<uint8_t>(value));
}

/// Takes from the front; nothing if it is not the shortest form of a 64-bit number.
std::optional<uint64_t> take_varint(ByteView& rest) {
  uint64_t value = 0;
  for (size_t i = 0; i < 10 && i < rest.size(); ++i) {
    const uint64_t bits = rest[i] & 0x7f;
    if (i == 9 && bits > 1) return std::nullopt;
    value |= bits << (7 * i);
    if ((rest[i] & 0x80) != 0) continue;
    if (i > 0 && bits == 0) return std::nullopt;
    rest = rest.subspan(i + 1);
    return value;
  }
  return std::nullopt;
}

/// Empty, or one element named `_id` and nothing more.
bool is_id_element(ByteView element) {
  if (element.empty()) return true;
  Bytes document;
  append_le(document, static_cast<uint32_t>(4 + element.size() + 1));
  append(document, element);
  document.push_back(0);
  return bson::id_element(document).size() == element.size();
}

tl::unexpected<Error> damaged(const char* what) {
  return fail(ErrorKind::kCorrupt, "the key index is damaged: " + std::string(what));
}

Result<ChunkEntry> take_entry(ByteView& rest) {
  ChunkEntry entry;
  if (rest.size() < kSmallestEntry) return damaged("it ends early");
  std::memcpy(entry.blob.bytes.data(), rest.data(), kIdSize);
  rest = rest.subspan(kIdSize);
  const auto documents = take_varint(rest);
  const auto id_size = documents ? take_varint(rest) : std::nullopt;
  if (!id_size) return damaged("a number is malformed");
  if (*id_size > rest.size()) return damaged("it ends early");
  entry.documents = *documents;
  entry.first_id = to_bytes(rest.first(*id_size));
  if (!is_id_element(entry.first_id)) return damaged("a chunk's first _id is no BSON element");
  rest = rest.subspan(*id_size);
  return entry;
}

}  // namespace

Bytes encode_key_index(const std::vector<ChunkEntry>& chunks) {
  Bytes out = to_bytes(as_bytes(kMagic));
  out.push_back(kVersion);
  append_varint(out, chunks.size());
  for (const auto& chunk : chunks) {
    append(out, chunk.blob.bytes);
    append_varint(out, chunk.documents);
    append_varint(out, chunk.first_id.size());
    append(out, chunk.first_id);
  }
  return out;
}

Result<std::vector<ChunkEntry>> decode_key_index(ByteView bytes) {
  if (!as_text(bytes).starts_with(kMagic)) return damaged("it does not begin like one");
  ByteView rest = bytes.subspan(kMagic.size());
  if (rest.empty()) return damaged("it ends early");
  if (rest[0] != kVersion)
    return fail(ErrorKind::kUnsupported, "the key index has format " + std::to_string(rest[0]) + ", not 1");
  rest = rest.subspan(1);
  const auto count = take_varint(rest);
  if (!count) return damaged("a number is malformed");
  if (*count > rest.size() / kSmallestEntry) return damaged("it ends early");
  std::vector<ChunkEntry> chunks;
  chunks.reserve(*count);
  for (uint64_t i = 0; i < *count; ++i) {
    TRY_ASSIGN(auto entry, take_entry(rest));
    chunks.push_back(std::move(entry));
  }
  if (!rest.empty()) return damaged("bytes follow its end");
  return chunks;
}

}  // namespace varve::collection
