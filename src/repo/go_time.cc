#include "repo/go_time.h"

namespace varve::repo {

namespace {

using namespace std::chrono_literals;

constexpr Time kFirst = std::chrono::sys_days(std::chrono::year(1678) / 1 / 1);
constexpr Time kLast = Time(std::chrono::sys_days(std::chrono::year(2262) / 1 / 1)) - 1ns;

}  // namespace

std::string format_go_time(Time time) {
  return time < kFirst ? "0001-01-01T00:00:00Z" : format_rfc3339(time);
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
