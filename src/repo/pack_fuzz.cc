#include <algorithm>
#include <cstdlib>

#include "repo/pack.h"

/// The header as it is once unsealed, and the whole as it lies there.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const varve::ByteView bytes(data, size);
  const varve::codec::SealKey key;
  (void)varve::repo::read_pack_header(key, bytes, varve::Id{});
  const auto blobs = varve::repo::decode_pack_header(bytes, varve::Id{});
  if (blobs && !std::ranges::equal(varve::repo::encode_pack_header(*blobs), bytes)) std::abort();

  // A blob whose seal is good and whose content is not.
  varve::Bytes unit;
  varve::codec::seal(key, {1}, bytes, unit);
  varve::codec::Decompressor decompressor;
  const uint32_t plain_length = size >= 4 ? varve::load_le<uint32_t>(data) : 1;
  (void)varve::repo::open_blob(key, unit, plain_length, varve::Id{}, decompressor);
  return 0;
}
