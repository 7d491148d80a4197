#pragma once

#include "bson/view.h"
#include "codec/hash.h"

namespace varve::bson {

/// What stands for a collection's content: count, bytes, and the sum modulo 2^128 of XXH3-128 of each document's bytes.
/// The order does not matter, so parallel readers just add. Finds accidents; tampering is found by the blobs' SHA-256.
struct Digest {
  uint64_t documents = 0;
  uint64_t bytes = 0;
  codec::UInt128 sum;

  bool operator==(const Digest&) const = default;
  void add(ByteView document);
  Digest& operator+=(const Digest& other);
  Digest& operator-=(const Digest& other);
};

/// The document as a server stores it: `_id` moved to the front if it stands elsewhere. `scratch` holds the bytes then.
ByteView as_stored(ByteView document, Bytes& scratch);

}  // namespace varve::bson
