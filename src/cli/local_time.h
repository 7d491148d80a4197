#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace varve::cli {

/// "2026-11-21 10:15:02" by this machine's clock, as restic takes it. kInvalidInput for a day that no month has.
Result<Time> parse_local_time(const std::string& text);

}  // namespace varve::cli
