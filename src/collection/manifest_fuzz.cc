#include <cstdlib>

#include "collection/manifest.h"

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto manifest = collection::decode_manifest(as_text(ByteView(data, size)));
  if (!manifest) return 0;
  const std::string again = collection::encode_manifest(*manifest);
  const auto twice = collection::decode_manifest(again);
  if (!twice || collection::encode_manifest(*twice) != again) std::abort();
  return 0;
}
