#pragma once

#include "base/clock.h"

namespace varve::repo {

/// Stands for Go's zero time, 0001-01-01T00:00:00Z, which a Time cannot hold; absent times decode to it.
inline constexpr Time kGoZeroTime = Time::min();

/// format_rfc3339 for times as they stand in a repository: kGoZeroTime is printed as Go prints its zero time.
std::string format_go_time(Time time);
/// The same moment with the offset of this machine's zone, as Go prints a local time.
std::string format_go_local_time(Time time);
/// RFC 3339. Years before 1678 become kGoZeroTime, years after 2261 the last moment of 2261: Go's range is wider than
/// ours, and a strange time stamp must not make a backup unreadable. Nothing if the text is not a time with a zone.
std::optional<Time> parse_go_time(std::string_view text);

}  // namespace varve::repo
