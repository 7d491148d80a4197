#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace varve::storage {

/// A command line as restic takes it in its options: words parted by blanks, with 'single' and "double" quotes around
/// blanks, and a backslash that takes the next character as it is, but in single quotes. No shell is asked.
/// kInvalidInput for a quote without an end; `option` is named then.
Result<std::vector<std::string>> split_words(std::string_view text, std::string_view option);

}  // namespace varve::storage
