#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace varve::cli {

/// "18.3 GiB", "512 B".
std::string format_size(uint64_t bytes);
/// "66,120,882".
std::string format_count(uint64_t count);
/// "41.2M" where space is short.
std::string format_short_count(uint64_t count);
/// "0.4 s", "12 s", "1 min 06 s", "2 h 05 min".
std::string format_duration(std::chrono::nanoseconds duration);
/// "00:41", "1:02:03" for a live line.
std::string format_clock(std::chrono::nanoseconds duration);
/// "1 document", "3 documents".
std::string plural(uint64_t count, const std::string& noun);

/// Ids in full, for JSON.
std::vector<std::string> hex_of(const std::vector<Id>& ids);

}  // namespace varve::cli
