#pragma once

#include <optional>
#include <string>

#include "bson/document.h"

namespace varve::job {

/// The filter of a partial index as servers before 6.0 take it: comparisons that must all hold, in one $and at most.
struct PlainFilter {
  /// Picks the same documents; as it was, to the byte, where that suits. Nothing where there is no such filter.
  std::optional<bson::Document> filter;
  std::string not_taken;  ///< then the operator that stands in the way
};
PlainFilter plain_filter(bson::View filter);

}  // namespace varve::job
