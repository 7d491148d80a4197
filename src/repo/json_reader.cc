#include "repo/json_reader.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "codec/base64.h"
#include "codec/utf8.h"
#include "repo/go_time.h"

namespace varve::repo {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// By character; -1 for what is no hex digit. A table, since an index is mostly ids.
constexpr auto kHexValues = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (int i = 0; i < 16; ++i) {
    values[static_cast<size_t>("0123456789abcdef"[i])] = static_cast<int8_t>(i);
    values[static_cast<size_t>("0123456789ABCDEF"[i])] = static_cast<int8_t>(i);
  }
  return values;
}();

int hex_value(char c) {
  return kHexValues[static_cast<unsigned char>(c)];
}

}  // namespace

unexpected<Error> JsonReader::error(std::string_view what) const {
  return fail(ErrorKind::kCorrupt, fmt::format("unusable JSON: {} at byte {}", what, pos_));
}

void JsonReader::skip_space() {
  while (pos_ < text_.size() &&
         (text_[pos_] == ' ' || text_[pos_] == '\n' || text_[pos_] == '\t' || text_[pos_] == '\r')) {
    ++pos_;
  }
}

bool JsonReader::take(char c) {
  skip_space();
  if (pos_ >= text_.size() || text_[pos_] != c) return false;
  ++pos_;
  return true;
}

bool JsonReader::take_word(std::string_view word) {
  skip_space();
  if (!text_.substr(pos_).starts_with(word)) return false;
  pos_ += word.size();
  return true;
}

bool JsonReader::take_null() {
  return take_word("null");
}

Status JsonReader::enter(char bracket) {
  if (!take(bracket)) return error(fmt::format("expected '{}'", bracket));
  if (++depth_ > kMaxDepth) return error("nested too deeply");
  return {};
}

Result<bool> JsonReader::more(char bracket) {
  if (take(',')) return true;
  if (!take(bracket)) return error(fmt::format("expected ',' or '{}'", bracket));
  --depth_;
  return false;
}

Result<std::string_view> JsonReader::view(std::string& scratch) {
  if (!take('"')) return error("expected a string");
  const size_t begin = pos_;
  for (; pos_ < text_.size(); ++pos_) {
    const char c = text_[pos_];
    if (c == '"') return text_.substr(begin, pos_++ - begin);
    if (static_cast<unsigned char>(c) < 0x20) return error("a bare control character");
    if (c == '\\') {
      scratch.assign(text_.substr(begin, pos_ - begin));
      TRY(unescape(scratch));
      return std::string_view(scratch);
    }
  }
  return error("the text ends inside a string");
}

/// Appends the rest of a string, from a backslash up to the closing quote, which is consumed.
Status JsonReader::unescape(std::string& out) {
  while (pos_ < text_.size()) {
    const char c = text_[pos_++];
    if (c == '"') return {};
    if (static_cast<unsigned char>(c) < 0x20) return error("a bare control character");
    if (c != '\\') {
      out.push_back(c);
      continue;
    }
    if (pos_ >= text_.size()) break;
    const char kind = text_[pos_++];
    constexpr std::string_view kFrom = "\"\\/bfnrt";
    constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    if (const size_t at = kFrom.find(kind); at != std::string_view::npos) {
      out.push_back(kTo[at]);
      continue;
    }
    if (kind != 'u') return error("an unknown escape");
    TRY_ASSIGN(uint32_t rune, hex4());
    if (rune >= 0xd800 && rune < 0xdc00 && text_.substr(pos_).starts_with("\\u")) {
      const size_t before = pos_;
      pos_ += 2;
      TRY_ASSIGN(const uint32_t low, hex4());
      if (low >= 0xdc00 && low < 0xe000) {
        rune = 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
      } else {
        pos_ = before;
      }
    }
    codec::append_rune(out, codec::is_valid_rune(rune) ? char32_t{rune} : codec::kReplacement);
  }
  return error("the text ends inside a string");
}

Result<uint32_t> JsonReader::hex4() {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i, ++pos_) {
    const int digit = pos_ < text_.size() ? hex_value(text_[pos_]) : -1;
    if (digit < 0) return error("expected four hex digits");
    value = value << 4 | static_cast<uint32_t>(digit);
  }
  return value;
}

Status JsonReader::string(std::string& out) {
  out.clear();
  if (take_null()) return {};
  std::string scratch;
  TRY_ASSIGN(std::string_view text, view(scratch));
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(text.begin(), text.end(), is_ascii)) {
    out.assign(text);
    return {};
  }
  while (!text.empty()) {
    const auto rune = codec::decode_rune(text);
    codec::append_rune(out, rune.value);
    text.remove_prefix(rune.size);
  }
  return {};
}

Status JsonReader::boolean(bool& out) {
  out = take_word("true");
  if (!out && !take_word("false") && !take_null()) return error("expected true or false");
  return {};
}

Status JsonReader::integer(uint64_t& out, uint64_t limit) {
  out = 0;
  if (take_null()) return {};
  const size_t begin = pos_;
  for (; pos_ < text_.size() && is_digit(text_[pos_]); ++pos_) {
    const auto digit = static_cast<uint64_t>(text_[pos_] - '0');
    if (out > (limit - digit) / 10) return error("a number that is too large");
    out = out * 10 + digit;
  }
  if (pos_ == begin) return error("expected a number");
  if (pos_ - begin > 1 && text_[begin] == '0') return error("a number with a leading zero");
  return {};
}

Status JsonReader::id(Id& out) {
  out = Id{};
  if (take_null()) return {};
  std::string scratch;
  TRY_ASSIGN(const std::string_view text, view(scratch));
  if (text.size() != 64) return error("expected an id of 64 hex digits");
  int wrong = 0;
  for (size_t i = 0; i < 32; ++i) {
    const int value = hex_value(text[2 * i]) * 16 | hex_value(text[2 * i + 1]);
    wrong |= value;  // negative if one of them is
    out.bytes[i] = static_cast<uint8_t>(value);
  }
  if (wrong < 0) return error("expected an id of 64 hex digits");
  return {};
}

Status JsonReader::base64(Bytes& out) {
  out.clear();
  if (take_null()) return {};
  std::string scratch;
  TRY_ASSIGN(const std::string_view text, view(scratch));
  auto decoded = codec::from_base64(text);
  if (!decoded) return error("expected base64");
  out = std::move(*decoded);
  return {};
}

Status JsonReader::time(Time& out, std::string* text) {
  out = kGoZeroTime;
  if (text != nullptr) text->clear();
  if (take_null()) return {};
  std::string scratch;
  TRY_ASSIGN(const std::string_view found, view(scratch));
  const auto parsed = parse_go_time(found);
  if (!parsed) return error("expected a time");
  out = *parsed;
  if (text != nullptr) text->assign(found);
  return {};
}

Status JsonReader::skip_number() {
  const auto digits = [&] {
    const size_t begin = pos_;
    while (pos_ < text_.size() && is_digit(text_[pos_])) ++pos_;
    return pos_ - begin;
  };
  const auto take_any = [&](std::string_view set) {
    const bool found = pos_ < text_.size() && set.find(text_[pos_]) != std::string_view::npos;
    if (found) ++pos_;
    return found;
  };
  take_any("-");
  const bool zero = pos_ < text_.size() && text_[pos_] == '0';
  const size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return error("expected a value");
  if (take_any(".") && digits() == 0) return error("expected a digit");
  if (take_any("eE")) {
    take_any("+-");
    if (digits() == 0) return error("expected a digit");
  }
  return {};
}

Status JsonReader::skip() {
  skip_space();
  if (pos_ >= text_.size()) return error("expected a value");
  switch (text_[pos_]) {
    case '{':
      return object([&](std::string_view) { return skip(); });
    case '[':
      return array([&] { return skip(); });
    case '"': {
      std::string scratch;
      TRY(view(scratch));
      return {};
    }
    default:
      if (take_null() || take_word("true") || take_word("false")) return {};
      return skip_number();
  }
}

Status JsonReader::raw(std::string& out) {
  skip_space();
  const size_t begin = pos_;
  TRY(skip());
  out.assign(text_.substr(begin, pos_ - begin));
  return {};
}

Status JsonReader::end() {
  skip_space();
  if (pos_ != text_.size()) return error("more text than one value");
  return {};
}

}  // namespace varve::repo
