#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace varve::files {

/// The paths that a pattern names, as a shell would, ascending; names that begin with a dot too. Wildcard says what a
/// pattern is; it never stands for a slash. Folders that cannot be listed have nothing that matches.
Result<std::vector<std::string>> expand(const std::string& pattern);

}  // namespace varve::files
