#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace varve::bson {

/// As Go's strconv writes it with 'G' and the fewest digits that read back the same: an exponent below 1e-4 and from
/// 1e6 on, and always something that shows it is no integer. "NaN", "Infinity", "-Infinity".
std::string format_double(double value);

/// "2020-02-29T12:34:56.007Z", without milliseconds where there are none. Nothing outside the years 1970 to 9999.
std::optional<std::string> format_date(int64_t milliseconds);
/// The other way, with any time zone ("+01:00", "-0700") and up to three digits of a fraction.
std::optional<int64_t> parse_date(std::string_view text);

}  // namespace varve::bson
