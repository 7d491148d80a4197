#pragma once

#include "base/result.h"

namespace varve::maintenance {

/// Folders are followed no deeper: Linux opens no path of so many, and recursion must end.
inline constexpr size_t kMaxDepth = 2048;

inline Status check_depth(size_t depth) {
  if (depth <= kMaxDepth) return {};
  return fail(ErrorKind::kUnsupported, "folders are nested deeper than " + std::to_string(kMaxDepth) + " levels");
}

}  // namespace varve::maintenance
