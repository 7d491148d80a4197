#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace varve::bson {

/// As Go's strconv writes it with 'G' and the fewest digits that read back the same: an exponent below 1e-4 and from
/// 1e6 on, and always something that shows it is no integer. "NaN", "Infinity", "-Infinity".
std::string format_double(double value);

/// "2020-02-29T12:34:56.007Z", without milliseconds where there are none. Nothing outside the years 1970 to 9999.
std::optional<std::string> format_date(int64_t milliseconds);

}  // namespace varve::bson
