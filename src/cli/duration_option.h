#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace varve::cli {

/// A length of time, such as 30s, 5m, 1h30m or plain seconds, zero for ""; the error names the option.
Result<std::chrono::seconds> duration_option(const std::string& option, const std::string& text);

}  // namespace varve::cli
