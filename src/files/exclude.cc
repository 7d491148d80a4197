#include "files/exclude.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <locale.h>
#include <wctype.h>

#include "codec/utf8.h"
#include "files/paths.h"

namespace varve::files {

namespace {

/// Of all of Unicode, whatever the locale of the program. Of ASCII alone where the C library lacks C.UTF-8.
wint_t lower(char32_t rune) {
  static const locale_t kUnicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (rune < 0x80) return rune >= 'A' && rune <= 'Z' ? rune + ('a' - 'A') : rune;
  return kUnicode != nullptr ? towlower_l(static_cast<wint_t>(rune), kUnicode) : static_cast<wint_t>(rune);
}

std::string lower(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto rune = codec::decode_rune(text);
    codec::append_rune(out, lower(rune.value));
    text.remove_prefix(rune.size);
  }
  return out;
}

}  // namespace

Result<ExcludeRules> ExcludeRules::parse(const std::vector<std::string>& patterns, bool ignore_case) {
  ExcludeRules rules;
  TRY(rules.add(patterns, ignore_case));
  return rules;
}

Status ExcludeRules::add(const std::vector<std::string>& patterns, bool ignore_case) {
  List list{.ignore_case = ignore_case, .patterns = {}};
  std::string malformed;
  for (const auto& text : patterns) {
    if (text.empty()) continue;
    auto pattern = parse_pattern(ignore_case ? lower(text) : text);
    if (pattern) {
      list.patterns.push_back(std::move(*pattern));
    } else {
      malformed += fmt::format("{}\"{}\" ({})", malformed.empty() ? "" : ", ", text, pattern.error().message());
    }
  }
  if (!malformed.empty()) {
    return fail(Error(ErrorKind::kInvalidInput, "not a pattern: " + malformed)
                    .hint("\\ before a character such as [ or * takes it as it is"));
  }
  if (!list.patterns.empty()) lists_.push_back(std::move(list));
  return {};
}

Result<ExcludeRules::Pattern> ExcludeRules::parse_pattern(std::string_view text) {
  Pattern pattern;
  pattern.negated = text.starts_with('!');
  const std::string cleaned = clean_path(text.substr(pattern.negated ? 1 : 0));
  pattern.rooted = cleaned.starts_with('/');
  for (const auto name : split_path(std::string_view(cleaned).substr(pattern.rooted ? 1 : 0))) {
    Part part;
    part.any_folders = name == "**" || name.empty();  // empty: of "/", which stands for all that is below it
    part.name = name;
    if (!part.any_folders && name.find_first_of("\\[]*?") != std::string_view::npos) {
      TRY_ASSIGN(part.wildcard, Wildcard::parse(name));
    }
    pattern.parts.push_back(std::move(part));
  }
  return pattern;
}

bool ExcludeRules::begins_with(std::span<const Part> parts, std::span<const std::string_view> components) {
  while (!parts.empty() && !parts[0].any_folders) {
    if (components.empty() || !parts[0].matches(components[0])) return false;
    parts = parts.subspan(1);
    components = components.subspan(1);
  }
  if (parts.empty()) return true;
  for (size_t skipped = 0; skipped <= components.size(); ++skipped) {
    if (begins_with(parts.subspan(1), components.subspan(skipped))) return true;
  }
  return false;
}

bool ExcludeRules::matches(const Pattern& pattern, const Components& components, bool rooted) {
  const std::span<const std::string_view> all = components;
  if (pattern.rooted) return rooted && begins_with(pattern.parts, all);
  for (size_t i = 0; i < all.size(); ++i) {
    if (begins_with(pattern.parts, all.subspan(i))) return true;
  }
  return false;
}

/// As far as both go, and up to the first `**`, the folder and the pattern must agree.
bool ExcludeRules::may_match_below(const Pattern& pattern, const Components& components, bool rooted) {
  if (!pattern.rooted) return true;
  const auto stars = std::ranges::find_if(pattern.parts, &Part::any_folders);
  const size_t fixed = std::min(static_cast<size_t>(stars - pattern.parts.begin()), components.size());
  const std::span<const Part> parts = pattern.parts;
  return rooted && begins_with(parts.first(fixed), std::span(components).first(fixed));
}

template <typename Judge>
bool ExcludeRules::any_list(std::string_view path, Judge judge) const {
  const bool rooted = path.starts_with('/');
  return std::ranges::any_of(lists_, [&](const List& list) {
    const std::string text = list.ignore_case ? lower(path) : std::string(path);
    const auto below_root = std::string_view(text).substr(rooted ? 1 : 0);
    return judge(list, below_root.empty() ? Components() : split_path(below_root), rooted);
  });
}

bool ExcludeRules::matches(std::string_view path) const {
  return any_list(path, [](const List& list, const Components& components, bool rooted) {
    const auto last = std::find_if(list.patterns.rbegin(), list.patterns.rend(),
                                   [&](const Pattern& pattern) { return matches(pattern, components, rooted); });
    return last != list.patterns.rend() && !last->negated;
  });
}

bool ExcludeRules::may_match_below(std::string_view folder) const {
  return any_list(folder, [](const List& list, const Components& components, bool rooted) {
    bool may = false;
    for (const auto& pattern : list.patterns) {
      may = pattern.negated ? may && !matches(pattern, components, rooted)
                            : may || may_match_below(pattern, components, rooted);
    }
    return may;
  });
}

namespace {

/// The name of a variable in front of `text`, and how much of it that takes: 0 if none begins there.
std::pair<std::string_view, size_t> variable_name(std::string_view text) {
  constexpr std::string_view kOneCharacter = "*#$@!?-0123456789";
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  if (text.empty()) return {"", 0};
  if (text.starts_with('{')) {
    const size_t end = text.find('}');
    if (end == std::string_view::npos) return {"", 1};
    return {text.substr(1, end - 1), end + 1};
  }
  if (kOneCharacter.find(text[0]) != std::string_view::npos) return {text.substr(0, 1), 1};
  const size_t length = std::min(text.find_first_not_of(kLetters), text.size());
  return {text.substr(0, length), length};
}

std::string expanded(std::string_view text, const Variables& variables) {
  std::string out;
  while (!text.empty()) {
    const size_t dollar = std::min(text.find('$'), text.size());
    out += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.empty()) break;
    const auto [name, length] = variable_name(text.substr(1));
    if (length == 0 || name == "$") {
      out += '$';
    } else if (!name.empty()) {
      out += variables(std::string(name));
    }
    text.remove_prefix(1 + length);
  }
  return out;
}

}  // namespace

std::vector<std::string> lines_in(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto line = codec::trimmed(text.substr(0, end));
    if (!line.empty() && line[0] != '#') lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<std::string> patterns_in(std::string_view text, const Variables& variables) {
  auto patterns = lines_in(text);
  for (auto& pattern : patterns) pattern = expanded(pattern, variables);
  return patterns;
}

}  // namespace varve::files
