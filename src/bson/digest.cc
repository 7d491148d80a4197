#include "bson/digest.h"

namespace varve::bson {

void Digest::add(ByteView document) {
  ++documents;
  bytes += document.size();
  sum += codec::xxh3_128(document);
}

Digest& Digest::operator+=(const Digest& other) {
  documents += other.documents;
  bytes += other.bytes;
  sum += other.sum;
  return *this;
}

Digest& Digest::operator-=(const Digest& other) {
  documents -= other.documents;
  bytes -= other.bytes;
  sum -= other.sum;
  return *this;
}

ByteView as_stored(ByteView document, Bytes& scratch) {
  const ByteView id = id_element(document);
  constexpr size_t kLength = 4;
  if (id.empty() || id.data() == document.data() + kLength) return document;
  const auto before = static_cast<size_t>(id.data() - document.data());
  scratch.resize(document.size());
  uint8_t* out = scratch.data();
  std::memcpy(out, document.data(), kLength);
  std::memcpy(out + kLength, id.data(), id.size());
  std::memcpy(out + kLength + id.size(), document.data() + kLength, before - kLength);
  std::memcpy(out + before + id.size(), document.data() + before + id.size(), document.size() - before - id.size());
  return scratch;
}

}  // namespace varve::bson
