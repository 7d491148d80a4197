#include <cstdlib>

#include "base/fuzz.h"
#include "repo/lock_file.h"

using namespace varve;

VARVE_FUZZ(lock) {
  const auto lock = repo::decode_lock(as_text(bytes), Id{});
  if (!lock) return;
  (void)repo::is_surely_left_behind(*lock, system_clock().now());
  (void)repo::locked_by(*lock, system_clock().now());
  const auto json = repo::encode_lock(*lock);
  const auto again = repo::decode_lock(json, Id{});
  if (!again || repo::encode_lock(*again) != json) std::abort();
}
