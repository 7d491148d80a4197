#include "repo/go_time.h"

#include <ctime>

#include <fmt/format.h>

namespace varve::repo {

namespace {

using namespace std::chrono_literals;

constexpr Time kFirst = std::chrono::sys_days(std::chrono::year(1678) / 1 / 1);
constexpr Time kLast = Time(std::chrono::sys_days(std::chrono::year(2262) / 1 / 1)) - 1ns;

}  // namespace

std::string format_go_time(Time time) {
  return time < kFirst ? "0001-01-01T00:00:00Z" : format_rfc3339(time);
}

std::string format_go_local_time(Time time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t moment = seconds.time_since_epoch().count();
  std::tm local{};
  const bool known = localtime_r(&moment, &local) != nullptr;
  const long offset = known ? local.tm_gmtoff / 60 : 0;  // RFC 3339 has minutes
  if (time < kFirst || offset == 0) return format_go_time(time);
  std::string text = format_rfc3339(time + std::chrono::minutes(offset));
  text.pop_back();  // the Z
  const long minutes = offset < 0 ? -offset : offset;
  return text + fmt::format("{}{:02}:{:02}", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

std::optional<Time> parse_go_time(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  const std::string_view year = text.substr(0, 4);
  if (year >= "1678" && year <= "2261") return parse_rfc3339(text);

  // Whether it is a time at all is found out with a leap year that can be held.
  std::string held = "2000" + std::string(text.substr(4));
  if (year.find_first_not_of("0123456789") != std::string_view::npos || !parse_rfc3339(held)) return std::nullopt;
  return year < "1678" ? kGoZeroTime : kLast;
}

}  // namespace varve::repo
