#include <cstdlib>

#include "base/fuzz.h"
#include "repo/snapshot.h"

using namespace varve;

/// What was read and written again reads the same.
VARVE_FUZZ(snapshot) {
  const auto snapshot = repo::decode_snapshot(as_text(bytes), Id{});
  if (!snapshot) return;
  const auto json = repo::encode_snapshot(*snapshot);
  const auto again = repo::decode_snapshot(json, Id{});
  if (!again || repo::encode_snapshot(*again) != json) std::abort();
}
