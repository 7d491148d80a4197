#include "maintenance/calendar.h"

#include <ctime>

#include "repo/go_time.h"

namespace varve::maintenance {

namespace {

using namespace std::chrono;
using repo::Snapshot;

int digits(std::string_view text, size_t at, size_t count) {
  int number = 0;
  for (const char c : text.substr(at, count)) number = number * 10 + (c - '0');
  return number;
}

/// RFC 3339: the date and the time of day stand first, at fixed places, and the offset last.
std::string text_of(const Snapshot& snapshot) {
  return snapshot.time_text.empty() ? repo::format_go_time(snapshot.time) : snapshot.time_text;
}

/// Of UTC; nothing for Z.
std::optional<seconds> offset_of(std::string_view time) {
  if (time.back() == 'Z' || time.back() == 'z') return std::nullopt;
  const auto text = time.substr(time.size() - 6);  // "+01:00"
  const seconds offset = hours(digits(text, 1, 2)) + minutes(digits(text, 4, 2));
  return text[0] == '-' ? -offset : offset;
}

seconds local_offset(sys_seconds moment) {
  const std::time_t time = moment.time_since_epoch().count();
  std::tm local{};
  return seconds(localtime_r(&time, &local) != nullptr ? local.tm_gmtoff : 0);
}

/// The moment at which this machine's clocks show `wall`. Around a change to or from summer time, when there is none or
/// two, Go's choice.
sys_seconds local_moment(sys_seconds wall) {
  const auto guess = local_offset(wall);
  return guess == 0s ? wall : wall - local_offset(wall - guess);
}

}  // namespace

WallClock wall_clock(const Snapshot& snapshot) {
  const std::string text = text_of(snapshot);
  return {digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2), digits(text, 11, 2)};
}

WallClock::Week WallClock::iso_week() const {
  const sys_days date(std::chrono::year(year) / month / day);
  // A week belongs to the year that its Thursday lies in.
  const sys_days thursday = date + days(4 - static_cast<int>(weekday(date).iso_encoding()));
  const auto its_year = year_month_day(thursday).year();
  return {static_cast<int>(its_year), static_cast<int>((thursday - sys_days(its_year / 1 / 1)).count() / 7) + 1};
}

std::optional<Time> moment_before(const Snapshot& snapshot, const Duration& duration) {
  const std::string text = text_of(snapshot);
  const auto stated = offset_of(text);
  const auto moment = floor<seconds>(snapshot.time);
  const auto offset = stated.value_or(0s);
  const auto wall = moment + offset;
  const year_month_day date(floor<days>(wall));

  const int64_t months = int64_t{static_cast<int>(date.year())} * 12 + static_cast<unsigned>(date.month()) - 1 -
                         int64_t{duration.years} * 12 - duration.months;
  const int64_t year = months / 12;
  if (months < 0 || year < 1700) return std::nullopt;
  // A day that the month does not have is one of the next month.
  const sys_days first(std::chrono::year(static_cast<int>(year)) / static_cast<int>(months % 12 + 1) / 1);
  const auto day = first + (floor<days>(wall) - sys_days(date.year() / date.month() / 1)) - days(duration.days);
  const sys_seconds then = day + (wall - floor<days>(wall));
  const bool is_local = stated && local_offset(moment) == offset;
  const auto start = (is_local ? local_moment(then) : then - offset) - hours(duration.hours);
  if (start < sys_days(std::chrono::year(1700) / 1 / 1)) return std::nullopt;
  return start + (snapshot.time - moment);
}

}  // namespace varve::maintenance
