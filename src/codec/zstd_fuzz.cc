#include <cstdint>
#include <cstdlib>

#include "codec/zstd.h"

// Any bytes either are one frame within the limit, the same by both readers, or are refused.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kLimit = 1u << 20;
  const varve::ByteView frame(data, size);
  varve::codec::Decompressor reader;
  const auto plain = reader.decompress_up_to(frame, kLimit);
  if (!plain) return 0;
  if (plain->size() > kLimit || reader.decompress_exactly(frame, plain->size()) != *plain) std::abort();
  varve::Bytes again;
  varve::codec::Compressor().compress(*plain, again);
  if (reader.decompress_exactly(again, plain->size()) != *plain) std::abort();
  return 0;
}
