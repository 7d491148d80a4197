#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "codec/go_json.h"
#include "codec/go_printable.h"
#include "codec/utf8.h"

namespace varve::codec {

namespace {

// Each letter stands for the control character below it.
constexpr std::string_view kLetters = "abfnrtv\\\"";
constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"";

void append_quoted(std::string& out, char32_t rune) {
  const size_t known = rune < 0x80 ? kMeanings.find(static_cast<char>(rune)) : std::string_view::npos;
  if (known != std::string_view::npos) {
    out.push_back('\\');
    out.push_back(kLetters[known]);
  } else if (go_is_print(rune)) {
    append_rune(out, rune);
  } else if (rune < ' ' || rune == 0x7f) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<uint32_t>(rune));
  } else if (rune < 0x10000) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<uint32_t>(rune));
  } else {
    fmt::format_to(std::back_inserter(out), "\\U{:08x}", static_cast<uint32_t>(rune));
  }
}

/// Takes `count` digits from the front of `text`; nothing if there are not so many.
std::optional<uint32_t> take_number(std::string_view& text, size_t count, int base) {
  uint32_t value = 0;
  if (text.size() < count) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value, base);
  if (error != std::errc() || end != text.data() + count) return std::nullopt;
  text.remove_prefix(count);
  return value;
}

/// What follows a backslash, taken from the front of `text`.
bool unquote_escape(std::string_view& text, std::string& out) {
  if (text.empty()) return false;
  const char letter = text[0];
  if (const size_t known = kLetters.find(letter); known != std::string_view::npos) {
    out.push_back(kMeanings[known]);
    text.remove_prefix(1);
    return true;
  }
  if (letter >= '0' && letter <= '7') {
    const auto byte = take_number(text, 3, 8);
    if (!byte || *byte > 255) return false;
    out.push_back(static_cast<char>(*byte));
    return true;
  }
  text.remove_prefix(1);
  if (letter == 'x') {
    const auto byte = take_number(text, 2, 16);
    if (byte) out.push_back(static_cast<char>(*byte));
    return byte.has_value();
  }
  if (letter != 'u' && letter != 'U') return false;
  const auto rune = take_number(text, letter == 'u' ? 4 : 8, 16);
  if (!rune || !is_valid_rune(*rune)) return false;
  append_rune(out, *rune);
  return true;
}

}  // namespace

std::string go_quote(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  while (!name.empty()) {
    const Rune rune = decode_rune(name);
    if (rune.invalid()) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<uint8_t>(name[0]));
    } else {
      append_quoted(out, rune.value);
    }
    name.remove_prefix(rune.size);
  }
  return out;
}

bool go_unquote(std::string_view quoted, std::string& name) {
  name.clear();
  while (!quoted.empty()) {
    const Rune rune = decode_rune(quoted);
    if (rune.value == '"' || rune.value == '\n') return false;
    quoted.remove_prefix(rune.size);
    if (rune.value != '\\') {
      append_rune(name, rune.value);
    } else if (!unquote_escape(quoted, name)) {
      return false;
    }
  }
  return true;
}

}  // namespace varve::codec
