#include "bson/json_scalars.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "base/parse.h"

namespace varve::bson {

std::string format_double(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  const auto print = [&](std::chars_format format) {
    std::array<char, 64> buffer;
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
    return std::string(buffer.data(), end);
  };
  std::string text = print(std::chars_format::scientific);
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  if (exponent < -4 || exponent >= 6) {
    text[e] = 'E';
    return text;
  }
  text = print(std::chars_format::fixed);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::optional<std::string> format_date(int64_t milliseconds) {
  constexpr int64_t kEndOf9999 = 253402300800000;
  if (milliseconds < 0 || milliseconds >= kEndOf9999) return std::nullopt;
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(milliseconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  const auto fraction = clock.subseconds().count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(),
                     fraction == 0 ? "" : fmt::format(".{:03}", fraction));
}

namespace {

/// `count` digits from the front, which are taken off.
std::optional<int> take_digits(std::string_view& text, size_t count) {
  const auto number = parse_number<unsigned>(text.substr(0, count));
  if (text.size() < count || !number) return std::nullopt;
  text.remove_prefix(count);
  return static_cast<int>(*number);
}

bool take_char(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

/// Numbers of two digits (the first of `first`), with `separator` before each but the first.
std::optional<std::array<int, 3>> take_three(std::string_view& text, size_t first, char separator) {
  std::array<int, 3> parts{};
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0 && !take_char(text, separator)) return std::nullopt;
    const auto part = take_digits(text, i == 0 ? first : 2);
    if (!part) return std::nullopt;
    parts[i] = *part;
  }
  return parts;
}

std::optional<int> take_milliseconds(std::string_view& text) {
  if (!take_char(text, '.')) return 0;
  const size_t digits = std::min<size_t>(text.find_first_not_of("0123456789"), text.size());
  if (digits < 1 || digits > 3) return std::nullopt;
  const auto fraction = take_digits(text, digits);
  return *fraction * (digits == 1 ? 100 : digits == 2 ? 10 : 1);
}

/// Minutes east of Greenwich.
std::optional<int> take_zone(std::string_view& text) {
  if (take_char(text, 'Z')) return 0;
  const int sign = text.starts_with('-') ? -1 : 1;
  if (!take_char(text, '-') && !take_char(text, '+')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  take_char(text, ':');
  const auto minutes = take_digits(text, 2);
  if (!hours || !minutes) return std::nullopt;
  return sign * (*hours * 60 + *minutes);
}

}  // namespace

std::optional<int64_t> parse_date(std::string_view text) {
  const auto date = take_three(text, 4, '-');
  if (!date || !take_char(text, 'T')) return std::nullopt;
  const auto clock = take_three(text, 2, ':');
  const auto milliseconds = clock ? take_milliseconds(text) : std::nullopt;
  const auto zone = milliseconds ? take_zone(text) : std::nullopt;
  if (!zone || !text.empty()) return std::nullopt;
  const auto day = std::chrono::year((*date)[0]) / (*date)[1] / (*date)[2];
  if (!day.ok()) return std::nullopt;
  const auto time = std::chrono::sys_days(day) + std::chrono::hours((*clock)[0]) + std::chrono::minutes((*clock)[1]) +
                    std::chrono::seconds((*clock)[2]) - std::chrono::minutes(*zone) +
                    std::chrono::milliseconds(*milliseconds);
  return time.time_since_epoch() / std::chrono::milliseconds(1);
}

}  // namespace varve::bson
