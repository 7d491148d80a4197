#include <cstdint>
#include <cstdlib>

#include "base/fuzz.h"
#include "codec/zstd.h"

using namespace varve;

// Any bytes either are one frame within the limit, the same by both readers, or are refused.
VARVE_FUZZ(zstd) {
  constexpr size_t kLimit = 1u << 20;
  const ByteView frame = bytes;
  varve::codec::Decompressor reader;
  const auto plain = reader.decompress_up_to(frame, kLimit);
  if (!plain) return;
  if (plain->size() > kLimit || reader.decompress_exactly(frame, plain->size()) != *plain) std::abort();
  varve::Bytes again;
  varve::codec::Compressor().compress(*plain, again);
  if (reader.decompress_exactly(again, plain->size()) != *plain) std::abort();
}
