#include <algorithm>
#include <cstdlib>

#include "collection/key_index.h"

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const auto chunks = collection::decode_key_index(bytes);
  if (!chunks) return 0;
  const Bytes again = collection::encode_key_index(*chunks);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
  return 0;
}
