#include "cli/pattern_options.h"

#include <cstdlib>

#include "cli/text_file.h"

namespace varve::cli {

namespace {

std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? value : "";
}

Result<std::vector<std::string>> with_files(std::vector<std::string> patterns, const std::vector<std::string>& files) {
  for (const auto& file : files) {
    TRY_ASSIGN(const auto text, read_text(file));
    for (auto& pattern : files::patterns_in(text, environment)) patterns.push_back(std::move(pattern));
  }
  return patterns;
}

}  // namespace

bool PatternOptions::empty() const {
  return patterns.empty() && any_case.empty() && files.empty() && any_case_files.empty();
}

Result<files::ExcludeRules> PatternOptions::rules() const {
  files::ExcludeRules rules;
  TRY_ASSIGN(const auto exact, with_files(patterns, files));
  TRY(rules.add(exact, false));
  TRY_ASSIGN(const auto folded, with_files(any_case, any_case_files));
  TRY(rules.add(folded, true));
  return rules;
}

void add_pattern_options(Command& command, PatternOptions& options, const std::string& verb,
                         const std::string& meaning) {
  const auto add = [&](const std::string& names, std::vector<std::string>& into, const std::string& help,
                       const std::string& kind) { command.add_option(names, into, help)->type_name(kind); };
  const std::string letter = verb.substr(0, 1);
  add("-" + letter + ",--" + verb, options.patterns, meaning + " PATTERN", "PATTERN");
  add("--i" + verb, options.any_case, "the same, whether letters are large or small", "PATTERN");
  add("--" + verb + "-file", options.files, "read such patterns from FILE, one a line", "FILE");
  add("--i" + verb + "-file", options.any_case_files, "the same, whether letters are large or small", "FILE");
}

}  // namespace varve::cli
