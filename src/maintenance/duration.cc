#include "maintenance/duration.h"

#include <charconv>

#include "codec/utf8.h"

namespace varve::maintenance {

namespace {

constexpr uint32_t kMost = 100'000'000;  // of any unit: all of history, and far from overflowing

uint32_t* unit_of(Duration& duration, char letter) {
  switch (letter) {
    case 'y':
      return &duration.years;
    case 'm':
      return &duration.months;
    case 'd':
      return &duration.days;
    case 'h':
      return &duration.hours;
    default:
      return nullptr;
  }
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  Duration duration;
  std::string_view rest = codec::trimmed(text);
  while (!rest.empty()) {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    uint32_t* unit = rest.empty() ? nullptr : unit_of(duration, rest.front());
    if (error != std::errc{} || number > kMost || unit == nullptr) {
      return fail(Error(ErrorKind::kInvalidInput, "\"" + std::string(text) + "\" is no duration")
                      .hint("such as 1y5m7d2h: years, months, days and hours"));
    }
    *unit = number;
    rest.remove_prefix(1);
  }
  return duration;
}

std::string to_string(const Duration& duration) {
  std::string text;
  const auto add = [&](uint32_t number, char unit) {
    if (number != 0) text += std::to_string(number) + unit;
  };
  add(duration.years, 'y');
  add(duration.months, 'm');
  add(duration.days, 'd');
  add(duration.hours, 'h');
  return text;
}

}  // namespace varve::maintenance
