#include "codec/base64.h"

#include <algorithm>

namespace varve::codec {

namespace {

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode(ByteView data, std::string_view alphabet) {
  std::string out;
  out.reserve((data.size() + 2) / 3 * 4);
  uint32_t bits = 0;
  int count = 0;
  for (uint8_t b : data) {
    bits = bits << 8 | b;
    for (count += 8; count >= 6; count -= 6) out.push_back(alphabet[bits >> (count - 6) & 63]);
  }
  if (count > 0) out.push_back(alphabet[bits << (6 - count) & 63]);
  return out;
}

}  // namespace

std::string base64(ByteView data) {
  std::string out = encode(data, kStandard);
  out.resize((out.size() + 3) / 4 * 4, '=');
  return out;
}

std::string base64_url(ByteView data) {
  return encode(data, kUrlSafe);
}

std::optional<Bytes> from_base64(std::string_view text) {
  const std::string_view digits = text.substr(0, text.find('='));
  Bytes out;
  out.reserve(digits.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int count = 0;
  for (char c : digits) {
    const size_t value = kStandard.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<uint8_t>(bits >> count));
  }
  // Catches stray bits and wrong padding alike: there is only one text for these bytes.
  if (base64(out) != text) return std::nullopt;
  return out;
}

}  // namespace varve::codec
