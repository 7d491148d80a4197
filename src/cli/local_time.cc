#include "cli/local_time.h"

#include <ctime>
#include <optional>

#include <fmt/format.h>

#include "repo/go_time.h"

namespace varve::cli {

namespace {

/// strptime lets every month have 31 days and a minute 61 seconds.
bool exists(const std::tm& parts) {
  const std::chrono::year_month_day date(std::chrono::year(parts.tm_year + 1900),
                                         std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
                                         std::chrono::day(static_cast<unsigned>(parts.tm_mday)));
  return date.ok() && parts.tm_sec < 60;
}

/// Reads `text` as `format` and nothing after it.
std::optional<std::tm> parse_as(const std::string& text, const std::string& format) {
  std::tm parts{};
  parts.tm_isdst = -1;
  const char* end = ::strptime(text.c_str(), format.c_str(), &parts);
  if (end == nullptr || *end != '\0' || !exists(parts)) return std::nullopt;
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

std::string local_time_text(Time time) {
  const std::time_t moment = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm local{};
  if (time == repo::kGoZeroTime || localtime_r(&moment, &local) == nullptr) return "0001-01-01 00:00:00";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday,
                     local.tm_hour, local.tm_min, local.tm_sec);
}

}  // namespace varve::cli
