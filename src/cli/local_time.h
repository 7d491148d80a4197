#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace varve::cli {

/// A moment as a user writes it: "2026-11-21", "2026-11-21 10:15", "2026-11-21 10:15:02", or with the day first and
/// dots, "21.11.2026"; in this machine's zone unless it ends in " UTC" or " +0100". kInvalidInput for a day that no
/// month has.
Result<Time> parse_moment(const std::string& text);
/// "2026-11-21 10:15:02" in this machine's zone.
std::string local_time_text(Time time);

}  // namespace varve::cli
