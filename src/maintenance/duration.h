#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace varve::maintenance {

/// A span of the calendar, as retention counts: 1y5m7d2h.
struct Duration {
  uint32_t years = 0, months = 0, days = 0, hours = 0;

  bool is_zero() const { return years == 0 && months == 0 && days == 0 && hours == 0; }
  bool operator==(const Duration&) const = default;
};

/// Numbers with the units y, m, d and h; of a unit given twice the last counts, "" is zero. kInvalidInput.
Result<Duration> parse_duration(std::string_view text);
/// "1y5m7d2h", without the units that are zero.
std::string to_string(const Duration& duration);

}  // namespace varve::maintenance
