#pragma once

#include "base/result.h"

namespace varve::maintenance {

/// Folders are followed no deeper: recursion must end before the stack does, and nobody nests folders so.
inline constexpr size_t kMaxDepth = 1000;

inline Status check_depth(size_t depth) {
  if (depth <= kMaxDepth) return {};
  return fail(ErrorKind::kUnsupported, "folders are nested deeper than " + std::to_string(kMaxDepth) + " levels");
}

}  // namespace varve::maintenance
