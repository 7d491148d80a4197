#pragma once

#include <cstddef>
#include <string>

namespace varve::files {

/// Something that is not in a backup or a restore, or not as it should be.
struct Problem {
  std::string item, reason;
};

/// So many are kept, of however many there are.
inline constexpr size_t kRememberedProblems = 1000;

}  // namespace varve::files
