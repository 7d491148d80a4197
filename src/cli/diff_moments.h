#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/merge_words.h"

namespace varve::cli {

/// `diff --source NAME --at TIME --at TIME`.
struct MomentsWords {
  std::string source;
  std::vector<std::string> at;
  FilterOptions filter;
  MergeWords memory;

  bool given() const { return !source.empty() || !at.empty(); }
};
void add_moments_options(Command& command, MomentsWords& words);

/// Prints what was added, removed and changed between two moments of a source, with the fields; gives the exit code.
Result<int> diff_moments(Context& context, const MomentsWords& words);

}  // namespace varve::cli
