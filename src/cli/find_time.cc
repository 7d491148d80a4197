#include "cli/find_time.h"

#include <array>
#include <ctime>
#include <optional>

namespace varve::cli {

namespace {

/// Reads `text` as `format` and nothing after it.
std::optional<std::tm> parse_as(const std::string& text, const std::string& format) {
  std::tm parts{};
  parts.tm_isdst = -1;
  const char* end = ::strptime(text.c_str(), format.c_str(), &parts);
  if (end == nullptr || *end != '\0' || parts.tm_mday == 0) return std::nullopt;
  return parts;
}

Time from_seconds(std::time_t seconds) {
  return Time(std::chrono::seconds(seconds));
}

std::optional<Time> parse_with_zone(const std::string& text, const std::string& format) {
  if (auto local = parse_as(text, format)) return from_seconds(std::mktime(&*local));
  if (auto utc = parse_as(text, format + " UTC")) return from_seconds(::timegm(&*utc));
  if (auto other = parse_as(text, format + " %z")) {
    const long offset = other->tm_gmtoff;
    return from_seconds(::timegm(&*other) - offset);
  }
  return std::nullopt;
}

}  // namespace

Result<Time> parse_moment(const std::string& text) {
  for (const char* day : {"%Y-%m-%d", "%d.%m.%Y"}) {
    for (const char* clock : {"", " %H:%M", " %H:%M:%S"}) {
      if (const auto time = parse_with_zone(text, std::string(day) + clock)) return *time;
    }
  }
  return fail(Error(ErrorKind::kInvalidInput, "\"" + text + "\" is no time")
                  .hint("such as 2026-11-21, \"2026-11-21 10:15\" or \"2026-11-21 10:15:02 UTC\""));
}

}  // namespace varve::cli
