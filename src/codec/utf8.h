#pragma once

#include <string>
#include <string_view>

namespace varve::codec {

inline constexpr char32_t kReplacement = 0xfffd;

/// The first code point of a text and how many bytes it takes. As in Go, a byte that begins no valid sequence is
/// kReplacement of size 1, whatever follows it.
struct Rune {
  char32_t value = kReplacement;
  size_t size = 1;

  bool invalid() const { return value == kReplacement && size == 1; }
};

/// `text` must not be empty.
Rune decode_rune(std::string_view text);
/// Of Unicode's range, and no surrogate.
bool is_valid_rune(char32_t rune);
/// Appends a valid code point.
void append_rune(std::string& out, char32_t rune);

/// Without the white space at both ends, Unicode's too: what Go's strings.TrimSpace leaves.
std::string_view trimmed(std::string_view text);

}  // namespace varve::codec
