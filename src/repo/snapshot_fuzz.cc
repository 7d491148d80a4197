#include <cstdlib>

#include "repo/lock_file.h"
#include "repo/snapshot.h"

/// What was read and written again reads the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = varve::as_text({data, size});
  (void)varve::repo::decode_lock(text, varve::Id{});
  const auto snapshot = varve::repo::decode_snapshot(text, varve::Id{});
  if (!snapshot) return 0;
  const auto json = varve::repo::encode_snapshot(*snapshot);
  const auto again = varve::repo::decode_snapshot(json, varve::Id{});
  if (!again || varve::repo::encode_snapshot(*again) != json) std::abort();
  return 0;
}
