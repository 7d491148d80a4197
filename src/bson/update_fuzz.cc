#include <cstdlib>

#include "base/fuzz.h"
#include "bson/id_key.h"
#include "bson/update.h"

using namespace varve;

// A document, an update of it, and a later one, one after the other.
VARVE_FUZZ(update) {
  std::array<bson::View, 3> part;
  ByteView rest = bytes;
  for (auto& one : part) {
    const auto size = bson::check_framing(rest);
    if (!size) break;
    one = bson::View(rest.first(*size));
    rest = rest.subspan(*size);
  }
  const auto& [document, earlier, later] = part;
  Bytes scratch;
  if (const auto id = document.find("_id"); id && bson::id_key(*id, scratch).empty()) std::abort();
  const bool sound = bson::validate(document.bytes()) && bson::validate(earlier.bytes());
  const auto first = bson::apply_update(document, earlier);
  if (first && !bson::check_framing(first->bytes(), first->bytes().size())) std::abort();
  if (!first || !sound || !bson::validate(later.bytes()) || !bson::makes_needless(later, earlier)) return;
  const auto both = bson::apply_update(*first, later);
  const auto alone = bson::apply_update(document, later);
  if (both.has_value() != alone.has_value()) std::abort();
  if (both && to_bytes(both->bytes()) != to_bytes(alone->bytes())) std::abort();
}
