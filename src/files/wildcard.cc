#include "files/wildcard.h"

#include <algorithm>
#include <optional>

#include "codec/utf8.h"

namespace varve::files {

namespace {

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(ErrorKind::kInvalidInput, std::string(why));
}

/// One end of a range, taken from the front of a set's text.
std::optional<char32_t> take_rune(std::string_view& rest) {
  if (rest.empty() || rest[0] == '-' || rest[0] == ']') return std::nullopt;
  if (rest[0] == '\\') rest.remove_prefix(1);
  if (rest.empty()) return std::nullopt;
  const auto rune = codec::decode_rune(rest);
  if (rune.invalid()) return std::nullopt;
  rest.remove_prefix(rune.size);
  return rune.value;
}

}  // namespace

/// `rest` begins after the bracket.
Result<Wildcard::Token> Wildcard::parse_set(std::string_view& rest) {
  Token token{.kind = Token::Kind::kSet};
  if (rest.starts_with('^')) {
    token.negated = true;
    rest.remove_prefix(1);
  }
  while (token.ranges.empty() || !rest.starts_with(']')) {
    const auto low = take_rune(rest);
    if (!low) return malformed("a set in brackets is not closed, is empty or has no valid character");
    auto high = low;
    if (rest.starts_with('-')) {
      rest.remove_prefix(1);
      high = take_rune(rest);
      if (!high) return malformed("a range in brackets has no end");
    }
    token.ranges.push_back({*low, *high});
  }
  rest.remove_prefix(1);
  return token;
}

Result<Wildcard> Wildcard::parse(std::string_view pattern) {
  Wildcard wildcard;
  while (!pattern.empty()) {
    const char c = pattern[0];
    pattern.remove_prefix(1);
    if (c == '*') {
      wildcard.tokens_.push_back({.kind = Token::Kind::kStar});
    } else if (c == '?') {
      wildcard.tokens_.push_back({.kind = Token::Kind::kAnyRune});
    } else if (c == '[') {
      TRY_ASSIGN(auto set, parse_set(pattern));
      wildcard.tokens_.push_back(std::move(set));
    } else if (c != '\\') {
      wildcard.tokens_.push_back({.kind = Token::Kind::kByte, .byte = c});
    } else {
      if (pattern.empty()) return malformed("a backslash at the end takes no character");
      wildcard.tokens_.push_back({.kind = Token::Kind::kByte, .byte = pattern[0]});
      pattern.remove_prefix(1);
    }
  }
  return wildcard;
}

size_t Wildcard::taken(const Token& token, std::string_view name) {
  if (token.kind == Token::Kind::kByte) return name[0] == token.byte ? 1 : 0;
  const auto rune = codec::decode_rune(name);
  if (token.kind == Token::Kind::kAnyRune) return rune.size;
  const bool inside = std::ranges::any_of(
      token.ranges, [&](const Range& range) { return range.low <= rune.value && rune.value <= range.high; });
  return inside != token.negated ? rune.size : 0;
}

/// Goes back to the last star only: whatever an earlier one could take more, that one can take as well.
bool Wildcard::matches(std::string_view name) const {
  size_t token = 0;
  size_t star = tokens_.size();  // none seen
  std::string_view rest = name;
  std::string_view after_star;
  while (true) {
    if (token < tokens_.size() && tokens_[token].kind == Token::Kind::kStar) {
      star = token++;
      after_star = rest;
      continue;
    }
    if (token == tokens_.size() && rest.empty()) return true;
    const size_t size = token < tokens_.size() && !rest.empty() ? taken(tokens_[token], rest) : 0;
    if (size > 0) {
      rest.remove_prefix(size);
      ++token;
    } else {
      if (star == tokens_.size() || after_star.empty()) return false;
      after_star.remove_prefix(1);
      rest = after_star;
      token = star + 1;
    }
  }
}

}  // namespace varve::files
