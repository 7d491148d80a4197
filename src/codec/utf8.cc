#include "codec/utf8.h"

#include <algorithm>
#include <cstdint>

namespace varve::codec {

namespace {

size_t encoded_size(char32_t rune) {
  return rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
}

/// By the first byte; 0 if nothing can begin with it.
size_t announced_size(uint8_t first) {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

bool is_space(char32_t rune) {
  return (rune >= '\t' && rune <= '\r') || rune == ' ' || rune == 0x85 || rune == 0xa0 || rune == 0x1680 ||
         (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 || rune == 0x2029 || rune == 0x202f || rune == 0x205f ||
         rune == 0x3000;
}

/// The last code point, as decode_rune gives the first.
Rune decode_last_rune(std::string_view text) {
  const size_t longest = std::min<size_t>(text.size(), 4);
  for (size_t size = longest; size > 1; --size) {
    const Rune rune = decode_rune(text.substr(text.size() - size));
    if (rune.size == size) return rune;
  }
  return decode_rune(text.substr(text.size() - 1));
}

}  // namespace

bool is_valid_rune(char32_t rune) {
  return rune < 0xd800 || (rune > 0xdfff && rune <= 0x10ffff);
}

Rune decode_rune(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t size = announced_size(first);
  if (size == 1) return {first, 1};
  if (size == 0 || size > text.size()) return {};
  char32_t value = first & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xc0) != 0x80) return {};
    value = value << 6 | (next & 0x3f);
  }
  if (!is_valid_rune(value) || encoded_size(value) != size) return {};
  return {value, size};
}

void append_rune(std::string& out, char32_t rune) {
  const size_t size = encoded_size(rune);
  if (size == 1) {
    out.push_back(static_cast<char>(rune));
    return;
  }
  constexpr uint8_t kLead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  out.push_back(static_cast<char>(kLead[size] | rune >> (6 * (size - 1))));
  for (size_t i = size - 1; i-- > 0;) out.push_back(static_cast<char>(0x80 | (rune >> (6 * i) & 0x3f)));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty()) {
    const Rune first = decode_rune(text);
    if (!is_space(first.value)) break;
    text.remove_prefix(first.size);
  }
  while (!text.empty()) {
    const Rune last = decode_last_rune(text);
    if (!is_space(last.value)) break;
    text.remove_suffix(last.size);
  }
  return text;
}

}  // namespace varve::codec
