#include <cstdlib>
#include <set>

#include "base/fuzz.h"
#include "bson/compose.h"
#include "bson/id_key.h"
#include "bson/update.h"

using namespace varve;

namespace {

/// No server stores a document with two fields of one name; what an update does to one is not worth agreeing on.
bool has_twins(bson::View document, int depth) {
  if (depth > 200) return true;
  std::set<std::string_view> names;
  auto elements = document.elements();
  while (const auto element = elements.next()) {
    if (!names.insert(element->name()).second) return true;
    const auto inner = element->as_document() ? element->as_document() : element->as_array();
    if (inner && has_twins(*inner, depth + 1)) return true;
  }
  return false;
}

}  // namespace

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
  const auto first = bson::apply_update(document, earlier);
  if (first && !bson::check_framing(first->bytes(), first->bytes().size())) std::abort();
  const auto joined = bson::compose(earlier, later);
  const bool sound =
      bson::validate(document.bytes()) && bson::validate(earlier.bytes()) && bson::validate(later.bytes());
  if (!first || !sound || !joined || has_twins(document, 0)) return;
  const auto both = bson::apply_update(*first, later);
  const auto at_once = bson::apply_update(document, *joined);
  if (both && (!at_once || to_bytes(both->bytes()) != to_bytes(at_once->bytes()))) std::abort();
}
