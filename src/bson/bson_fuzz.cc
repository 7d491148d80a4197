#include <cstdlib>

#include "base/fuzz.h"
#include "bson/digest.h"
#include "bson/document.h"
#include "bson/json.h"

using namespace varve;

namespace {

/// Reads every element as everything it could be.
void visit(bson::View view, int depth) {
  auto elements = view.elements();
  while (const auto element = elements.next()) {
    (void)element->as_string();
    (void)element->as_int64();
    (void)element->as_double();
    (void)element->as_timestamp();
    (void)element->as_uuid();
    (void)element->truthy();
    const auto inner = element->as_document() ? element->as_document() : element->as_array();
    if (inner && depth < 300) visit(*inner, depth + 1);
  }
}

}  // namespace

VARVE_FUZZ(bson) {
  const bool sound = bson::validate(bytes).has_value();
  const bson::View view(bytes);
  visit(view, 0);
  const auto canonical = bson::to_json(view, bson::JsonMode::kCanonical);
  (void)bson::to_json(view, bson::JsonMode::kRelaxed);
  if (sound && bytes.size() < 4096 && canonical.empty()) std::abort();
  (void)bson::has_empty_timestamp(bytes);
  (void)view.find("a.b.c");
  if (bson::check_framing(bytes) == bytes.size()) {
    Bytes scratch;
    if (bson::as_stored(bytes, scratch).size() != bytes.size()) std::abort();
  }
}
