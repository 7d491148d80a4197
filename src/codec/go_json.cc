#include "codec/go_json.h"

#include <cstdint>

#include "codec/utf8.h"

namespace varve::codec {

namespace {

/// The escapes of one letter that Go's JSON encoder uses (since Go 1.22 also \b and \f); 0 if there is none.
char short_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

void append_u(std::string& out, char32_t rune) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out.push_back(kDigits[rune >> shift & 15]);
}

void append_ascii(std::string& out, char c) {
  if (const char letter = short_escape(c); letter != 0) {
    out.push_back('\\');
    out.push_back(letter);
  } else if (c < ' ' || c == '<' || c == '>' || c == '&') {
    append_u(out, static_cast<char32_t>(c));
  } else {
    out.push_back(c);
  }
}

}  // namespace

std::string go_json_string(std::string_view text) {
  std::string out = "\"";
  out.reserve(text.size() + 2);
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    if (rune.value < 0x80) {
      append_ascii(out, text[0]);
    } else if (rune.invalid() || rune.value == 0x2028 || rune.value == 0x2029) {
      append_u(out, rune.value);
    } else {
      out += text.substr(0, rune.size);
    }
    text.remove_prefix(rune.size);
  }
  out.push_back('"');
  return out;
}

}  // namespace varve::codec
