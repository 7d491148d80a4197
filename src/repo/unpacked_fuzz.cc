#include <cstdlib>

#include "base/fuzz.h"
#include "repo/unpacked.h"

using namespace varve;

/// Index, snapshot and lock files: as they lie there, and what a good seal can hold.
VARVE_FUZZ(unpacked) {
  constexpr size_t kLimit = 1u << 20;
  const codec::SealKey key;
  (void)repo::decode_unpacked(key, bytes, kLimit);
  Bytes sealed;
  codec::seal(key, {1}, bytes, sealed);
  const auto text = repo::decode_unpacked(key, sealed, kLimit);
  if (!text) return;
  if (text->size() > kLimit) std::abort();
  const bool is_json = text->starts_with('{') || text->starts_with('[');
  for (const unsigned version : {1u, 2u}) {
    if (version == 1 && !is_json) continue;
    const auto again = repo::encode_unpacked(key, version, *text);
    if (!again || repo::decode_unpacked(key, *again, kLimit) != *text) std::abort();
  }
}
