#include "cli/exclude_options.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace varve::cli {

namespace {

Result<std::string> text_of(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file.is_open() || file.bad()) return fail(system_error("cannot read " + path, errno ? errno : EIO));
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);  // a byte order mark is no part of the first pattern
  return text;
}

std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? value : "";
}

/// One list of patterns, the last of which that says something about a path wins; those of files come last.
Status add_list(std::vector<std::string> patterns, const std::vector<std::string>& files, bool ignore_case,
                files::ExcludeRules& rules) {
  for (const auto& file : files) {
    TRY_ASSIGN(const auto text, text_of(file));
    for (auto& pattern : files::patterns_in(text, environment)) patterns.push_back(std::move(pattern));
  }
  return patterns.empty() ? Status() : rules.add(patterns, ignore_case);
}

void add_options(Command& command, ExcludeWords& words, const std::string& verb, char letter,
                 const std::string& doing) {
  const auto add = [&](const std::string& names, std::vector<std::string>& list, const char* type,
                       const std::string& what) { command.add_option(names, list, what)->type_name(type); };
  add(std::string("-") + letter + ",--" + verb, words.patterns, "PATTERN", doing + " PATTERN matches");
  add("--i" + verb, words.patterns_any_case, "PATTERN", "the same, in upper or lower case");
  add("--" + verb + "-file", words.files, "FILE", doing + " the patterns in FILE match");
  add("--i" + verb + "-file", words.files_any_case, "FILE", "the same, in upper or lower case");
}

}  // namespace

bool ExcludeWords::empty() const {
  return patterns.empty() && patterns_any_case.empty() && files.empty() && files_any_case.empty();
}

void add_exclude_options(Command& command, ExcludeWords& words) {
  add_options(command, words, "exclude", 'e', "leave out what");
}

void add_include_options(Command& command, ExcludeWords& words) {
  add_options(command, words, "include", 'i', "take only what");
}

Result<files::ExcludeRules> exclude_rules(const ExcludeWords& words) {
  files::ExcludeRules rules;
  TRY(add_list(words.patterns, words.files, false, rules));
  TRY(add_list(words.patterns_any_case, words.files_any_case, true, rules));
  return rules;
}

}  // namespace varve::cli
