#include "bson/namespace.h"

namespace varve::bson {

namespace {

constexpr std::string_view kBuckets = "system.buckets.";

/// One character of a pattern: a literal, or a star.
struct Token {
  char character = 0;
  bool star = false;
  size_t size = 1;
};

Token token_at(std::string_view pattern, size_t at) {
  if (pattern[at] == '*') return {0, true, 1};
  if (pattern[at] == '\\' && at + 1 < pattern.size()) return {pattern[at + 1], false, 2};
  return {pattern[at], false, 1};
}

Status check_pattern(std::string_view pattern) {
  const auto refuse = [&](const char* why) {
    return fail(ErrorKind::kInvalidInput, "the namespace pattern \"" + std::string(pattern) + "\" " + why);
  };
  if (pattern.empty()) return fail(ErrorKind::kInvalidInput, "a namespace pattern is empty");
  bool can_hold_dot = false;
  for (size_t at = 0; at < pattern.size(); at += token_at(pattern, at).size) {
    const Token token = token_at(pattern, at);
    if (token.character == '\\' && token.size == 1) return refuse("ends in a lone backslash");
    if (token.star || token.character == '.') can_hold_dot = true;
  }
  if (!can_hold_dot) {
    return fail(Error(ErrorKind::kInvalidInput, "the namespace pattern \"" + std::string(pattern) +
                                                    "\" has neither a dot nor a star, so it matches nothing")
                    .hint("a pattern matches the whole DATABASE.COLLECTION; for a database write \"" +
                          std::string(pattern) + ".*\""));
  }
  return {};
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view text) {
  for (const auto& pattern : patterns) {
    if (matches(pattern, text)) return true;
  }
  return false;
}

}  // namespace

Namespace Namespace::parse(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) return {std::string(text), ""};
  return {std::string(text.substr(0, dot)), std::string(text.substr(dot + 1))};
}

Result<NamespaceFilter> NamespaceFilter::make(std::vector<std::string> includes, std::vector<std::string> excludes) {
  for (const auto& pattern : includes) TRY(check_pattern(pattern));
  for (const auto& pattern : excludes) TRY(check_pattern(pattern));
  NamespaceFilter filter;
  filter.includes_ = std::move(includes);
  filter.excludes_ = std::move(excludes);
  return filter;
}

bool NamespaceFilter::takes(const Namespace& name) const {
  const std::string text = name.text();
  return (includes_.empty() || any_matches(includes_, text)) && !any_matches(excludes_, text);
}

// Only the last star seen is ever tried again: giving an earlier one more characters can't help where the later one
// could have taken them. So the work is at most the product of the lengths.
bool matches(std::string_view pattern, std::string_view text) {
  constexpr size_t kNone = std::string_view::npos;
  size_t p = 0, t = 0;
  size_t after_star = kNone, star_took_to = 0;
  while (true) {
    const Token token = p < pattern.size() ? token_at(pattern, p) : Token{};
    if (p < pattern.size() && token.star) {
      after_star = ++p;
      star_took_to = t;
    } else if (p < pattern.size() && t < text.size() && token.character == text[t]) {
      p += token.size;
      ++t;
    } else if (p == pattern.size() && t == text.size()) {
      return true;
    } else if (after_star != kNone && star_took_to < text.size()) {
      p = after_star;
      t = ++star_took_to;
    } else {
      return false;
    }
  }
}

Namespace buckets_of(const Namespace& time_series) {
  return {time_series.db, std::string(kBuckets) + time_series.collection};
}

Namespace logical(const Namespace& name) {
  if (!name.collection.starts_with(kBuckets)) return name;
  return {name.db, name.collection.substr(kBuckets.size())};
}

}  // namespace varve::bson
