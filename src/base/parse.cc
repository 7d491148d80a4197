#include "base/parse.h"

namespace varve {

namespace {

/// How far the unit that ends a size shifts it; nothing if the last character is none.
std::optional<unsigned> unit_shift(char c) {
  switch (c | 0x20) {
    case 'b':
      return 0;
    case 'k':
      return 10;
    case 'm':
      return 20;
    case 'g':
      return 30;
    case 't':
      return 40;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<uint64_t> parse_size(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto shift = unit_shift(text.back());
  if (shift) text.remove_suffix(1);
  const auto number = parse_number<uint64_t>(text);
  if (!number || *number > (uint64_t{INT64_MAX} >> shift.value_or(0))) return std::nullopt;
  return *number << shift.value_or(0);
}

}  // namespace varve
