#include <algorithm>
#include <cstdlib>

#include "base/fuzz.h"
#include "collection/key_index.h"

using namespace varve;

VARVE_FUZZ(key_index) {
  const auto chunks = collection::decode_key_index(bytes);
  if (!chunks) return;
  const Bytes again = collection::encode_key_index(*chunks);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
}
