#include "base/clock.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace varve {

namespace {

using std::chrono::nanoseconds;

// That a Time holds as a whole.
constexpr int kFirstYear = 1678, kLastYear = 2261;

class SystemClock final : public Clock {
 public:
  Time now() const override { return std::chrono::time_point_cast<nanoseconds>(std::chrono::system_clock::now()); }
  nanoseconds ticks() const override { return std::chrono::steady_clock::now().time_since_epoch(); }
  bool sleep(nanoseconds duration, const Cancel& cancel) const override { return cancel.sleep(duration); }
};

struct Parts {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<nanoseconds> time;
};

/// The first day that a Time reaches into cannot be held as a whole.
Parts split(Time time) {
  time = std::max(time, Time::min() + std::chrono::days(1));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  return {std::chrono::year_month_day(day), std::chrono::hh_mm_ss<nanoseconds>(time - day)};
}

std::string date_and_time(const Parts& p, char separator) {
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}", static_cast<int>(p.date.year()),
                     static_cast<unsigned>(p.date.month()), static_cast<unsigned>(p.date.day()), separator,
                     p.time.hours().count(), p.time.minutes().count(), p.time.seconds().count());
}

/// Takes `digits` decimal digits off the front of `text`.
std::optional<int> take_number(std::string_view& text, size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<nanoseconds> take_fraction(std::string_view& text) {
  if (!take_char(text, ".,")) return nanoseconds(0);
  int64_t value = 0;
  size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9' && digits < 9) {
    value = value * 10 + (text.front() - '0');
    text.remove_prefix(1);
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 9; ++digits) value *= 10;
  return nanoseconds(value);
}

std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
  if (take_char(text, "Zz")) return std::chrono::minutes(0);
  const bool negative = !text.empty() && text.front() == '-';
  if (!take_char(text, "+-")) return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours || !take_char(text, ":")) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return negative ? -offset : offset;
}

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::string format_rfc3339(Time time) {
  const auto parts = split(time);
  std::string out = date_and_time(parts, 'T');
  if (const auto fraction = parts.time.subseconds().count(); fraction != 0) {
    std::string decimals = fmt::format("{:09}", fraction);
    decimals.erase(decimals.find_last_not_of('0') + 1);
    out += "." + decimals;
  }
  return out + "Z";
}

std::string format_utc(Time time) {
  return date_and_time(split(time), ' ') + " UTC";
}

std::optional<Time> parse_rfc3339(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take_char(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take_char(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take_char(text, "Tt ")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take_char(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take_char(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;

  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  // What lies beyond the years that nanoseconds can count is as far away as they can tell.
  if (*year < kFirstYear) return Time::min();
  if (*year > kLastYear) return Time::max();
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + *fraction - *offset;
}

}  // namespace varve
