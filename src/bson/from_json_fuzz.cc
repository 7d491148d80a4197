#include <cstdlib>

#include "base/fuzz.h"
#include "bson/from_json.h"
#include "bson/json.h"

/// What is taken is BSON, and the same once more after it was written.
VARVE_FUZZ(from_json) {
  using namespace varve::bson;
  const auto document = from_json(varve::as_text(bytes));
  if (!document) return;
  if (!validate(document->bytes())) std::abort();
  const auto text = to_json(*document, JsonMode::kCanonical);
  const auto again = from_json(text);
  if (again && to_json(*again, JsonMode::kCanonical) != text) std::abort();
}
