#include "cli/duration_option.h"

#include <charconv>
#include <string_view>

namespace varve::cli {

Result<std::chrono::seconds> duration_option(const std::string& option, const std::string& text) {
  constexpr uint64_t kMost = 1'000'000;                  // of a unit
  constexpr std::chrono::hours kLongest(10 * 365 * 24);  // what adds to a clock's time must not overflow
  std::chrono::seconds sum{};
  std::string_view rest = text;
  while (!rest.empty()) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    const bool plain = end == text.data() + text.size() && rest.size() == text.size();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    const char unit = plain ? 's' : rest.empty() ? '?' : rest[0];
    const std::chrono::seconds one(unit == 'h' ? 3600 : unit == 'm' ? 60 : unit == 's' ? 1 : 0);
    if (error != std::errc{} || one.count() == 0 || number > kMost) {
      return fail(Error(ErrorKind::kInvalidInput, option + " cannot be \"" + text + "\"")
                      .hint("such as 30s, 5m, 1h30m, or a number of seconds"));
    }
    sum += one * number;
    if (sum > kLongest) {
      return fail(Error(ErrorKind::kInvalidInput, option + " cannot be \"" + text + "\"").hint("ten years at most"));
    }
    if (!plain) rest.remove_prefix(1);
  }
  return sum;
}

}  // namespace varve::cli
