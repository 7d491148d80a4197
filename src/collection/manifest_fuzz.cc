#include <cstdlib>

#include "base/fuzz.h"
#include "collection/manifest.h"

using namespace varve;

VARVE_FUZZ(manifest) {
  const auto manifest = collection::decode_manifest(as_text(bytes));
  if (!manifest) return;
  const std::string again = collection::encode_manifest(*manifest);
  const auto twice = collection::decode_manifest(again);
  if (!twice || collection::encode_manifest(*twice) != again) std::abort();
}
