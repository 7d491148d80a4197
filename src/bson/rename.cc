#include "bson/rename.h"

#include <algorithm>

namespace varve::bson {

namespace {

tl::unexpected<Error> refuse(std::string_view pattern, const std::string& why) {
  return fail(ErrorKind::kInvalidInput, "the namespace pattern \"" + std::string(pattern) + "\" " + why);
}

bool is_star(const std::string& hole) {
  return hole.starts_with('*');
}

}  // namespace

Result<NamespaceRename> NamespaceRename::make(const std::vector<std::string>& from,
                                              const std::vector<std::string>& to) {
  if (from.size() != to.size()) {
    return fail(Error(ErrorKind::kInvalidInput, "there are " + std::to_string(from.size()) +
                                                    " names to rename from and " + std::to_string(to.size()) +
                                                    " to rename to")
                    .hint("give one --ns-to for each --ns-from, in the same order"));
  }
  NamespaceRename rename;
  for (size_t i = 0; i < from.size(); ++i) {
    Pair pair;
    TRY_ASSIGN(pair.from, parse(from[i]));
    TRY_ASSIGN(pair.to, parse(to[i]));
    auto status = check(pair.from, pair.to);
    if (!status) return fail(std::move(status).error().within("\"" + from[i] + "\" to \"" + to[i] + "\""));
    rename.pairs_.push_back(std::move(pair));
  }
  return rename;
}

Result<NamespaceRename::Pattern> NamespaceRename::parse(std::string_view text) {
  Pattern pattern{{""}, {}};
  const auto hole = [&](std::string name) {
    pattern.holes.push_back(std::move(name));
    pattern.texts.emplace_back();
  };
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '*') {
      hole("*" + std::to_string(std::ranges::count_if(pattern.holes, is_star)));
    } else if (text[at] == '$') {
      const size_t end = text.find('$', at + 1);
      if (end == std::string_view::npos) return refuse(text, "has a $ that begins a name and none that ends it");
      if (end == at + 1) return refuse(text, "has a name of no characters, $$");
      hole(std::string(text.substr(at + 1, end - at - 1)));
      at = end;
    } else {
      if (text[at] == '\\' && ++at == text.size()) return refuse(text, "ends in a lone backslash");
      pattern.texts.back() += text[at];
    }
  }
  const bool dot =
      std::ranges::any_of(pattern.texts, [](const auto& part) { return part.find('.') != std::string::npos; });
  if (!dot && pattern.holes.empty()) {
    return refuse(text, "has neither a dot nor a star; it stands for a whole DATABASE.COLLECTION");
  }
  return pattern;
}

Status NamespaceRename::check(const Pattern& from, const Pattern& to) {
  if (std::ranges::count_if(from.holes, is_star) != std::ranges::count_if(to.holes, is_star)) {
    return fail(ErrorKind::kInvalidInput, "both need the same number of stars");
  }
  for (const auto& hole : from.holes) {
    if (std::ranges::count(from.holes, hole) > 1) {
      return fail(ErrorKind::kInvalidInput, "$" + hole + "$ is there twice on the left");
    }
  }
  for (const auto& hole : to.holes) {
    if (std::ranges::find(from.holes, hole) == from.holes.end()) {
      return fail(ErrorKind::kInvalidInput, "$" + hole + "$ is not on the left");
    }
  }
  return {};
}

// The shortest run for each hole in turn is the one up to the next text's first occurrence: a later one could only
// leave less for the rest. The last text must be the end.
bool NamespaceRename::match(const Pattern& pattern, std::string_view text, std::vector<std::string_view>& found) {
  found.clear();
  if (!text.starts_with(pattern.texts.front())) return false;
  if (pattern.holes.empty()) return text == pattern.texts.front();
  size_t at = pattern.texts.front().size();
  for (size_t i = 1; i < pattern.texts.size(); ++i) {
    const std::string& next = pattern.texts[i];
    const bool last = i + 1 == pattern.texts.size();
    if (last && (text.size() < at + next.size() || !text.ends_with(next))) return false;
    const size_t end = last ? text.size() - next.size() : text.find(next, at);
    if (end == std::string_view::npos) return false;
    found.push_back(text.substr(at, end - at));
    at = end + next.size();
  }
  return true;
}

Namespace NamespaceRename::operator()(const Namespace& ns) const {
  const Namespace visible = logical(ns);
  const std::string text = visible.text();
  std::vector<std::string_view> found;
  for (auto pair = pairs_.rbegin(); pair != pairs_.rend(); ++pair) {
    if (!match(pair->from, text, found)) continue;
    std::string made = pair->to.texts.front();
    for (size_t i = 0; i < pair->to.holes.size(); ++i) {
      const auto hole = std::ranges::find(pair->from.holes, pair->to.holes[i]) - pair->from.holes.begin();
      made += found[static_cast<size_t>(hole)];
      made += pair->to.texts[i + 1];
    }
    const auto renamed = Namespace::parse(made);
    return visible == ns ? renamed : buckets_of(renamed);
  }
  return ns;
}

}  // namespace varve::bson
