#pragma once

#include <cstddef>

namespace varve::repo::testing {

/// How much memory was taken at most, beyond what was taken already when this was made. One at a time. Only the
/// sanitizers' allocators tell: without one `works()` is false.
class PeakMemory {
 public:
  PeakMemory();
  static bool works();
  static constexpr const char* kNobodyCounts =
      "only the sanitizers' allocator counts the memory: ./dev test sanitized runs this";
  size_t bytes() const;
};

}  // namespace varve::repo::testing
