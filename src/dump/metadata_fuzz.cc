#include <algorithm>
#include <cstdlib>

#include "base/fuzz.h"
#include "dump/metadata.h"

/// What is taken is written and read again as it was, in whatever dialect it came.
VARVE_FUZZ(metadata) {
  using namespace varve;
  const auto metadata = dump::parse_metadata(as_text(bytes));
  if (!metadata) return;
  const auto text = dump::metadata_json(metadata->options.view(), metadata->indexes, metadata->uuid_hex,
                                        metadata->collection, "collection");
  const auto again = dump::parse_metadata(text);
  if (!again || again->collection != metadata->collection || again->uuid_hex != metadata->uuid_hex) std::abort();
  const auto same = [](const bson::Document& a, const bson::Document& b) {
    return std::ranges::equal(a.bytes(), b.bytes());
  };
  if (!same(again->options, metadata->options)) std::abort();
  if (!std::ranges::equal(again->indexes, metadata->indexes, same)) std::abort();
}
