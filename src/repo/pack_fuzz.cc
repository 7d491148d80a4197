#include <algorithm>
#include <cstdlib>

#include "base/fuzz.h"
#include "repo/pack.h"

using namespace varve;

/// The header as it is once unsealed, and the whole as it lies there.
VARVE_FUZZ(pack) {
  const codec::SealKey key;
  (void)repo::read_pack_header(key, bytes, Id{});
  const auto blobs = repo::decode_pack_header(bytes, Id{});
  if (blobs && !std::ranges::equal(repo::encode_pack_header(*blobs), bytes)) std::abort();
  if (blobs && !repo::is_contiguous(*blobs)) std::abort();

  // A blob whose seal is good and whose content is not.
  Bytes unit;
  codec::seal(key, {1}, bytes, unit);
  codec::Decompressor decompressor;
  const uint32_t plain_length = bytes.size() >= 4 ? load_le<uint32_t>(bytes.data()) : 1;
  (void)repo::open_blob(key, unit, plain_length, Id{}, decompressor);
}
