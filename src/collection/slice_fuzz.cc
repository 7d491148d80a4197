#include <cstdlib>

#include "base/fuzz.h"
#include "collection/slice.h"

using namespace varve;

VARVE_FUZZ(slice) {
  const auto text = as_text(bytes);
  if (const auto span = collection::parse_slice_name(text)) {
    if (collection::slice_name(*span) + ".bson" != text) std::abort();
  }
  const auto info = collection::decode_slice(text);
  if (!info) return;
  const std::string again = collection::encode_slice(*info);
  const auto twice = collection::decode_slice(again);
  if (!twice || collection::encode_slice(*twice) != again) std::abort();
}
