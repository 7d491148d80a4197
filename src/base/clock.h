#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"

namespace varve {

/// Nanoseconds since 1970-01-01 UTC.
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

/// Where the time comes from; replaced in tests. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
  /// Monotonic, for durations.
  virtual std::chrono::nanoseconds ticks() const = 0;
  /// False if stopped before the time was over.
  virtual bool sleep(std::chrono::nanoseconds duration, const Cancel& cancel) const = 0;
};

/// The machine's clock; lives as long as the program.
const Clock& system_clock();

/// RFC 3339 with as many decimals as are needed, as Go prints it: 2026-11-21T10:15:02.5Z. Always UTC.
std::string format_rfc3339(Time time);
/// Any offset, up to nine decimals; nothing without a zone or if it is no time. Beyond 1678 to 2261: min or max.
std::optional<Time> parse_rfc3339(std::string_view text);
/// For people: "2026-11-21 10:15:02 UTC".
std::string format_utc(Time time);

}  // namespace varve
