#include "cli/patterns.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace varve::cli {

namespace {

Result<std::vector<std::string>> patterns_of(const std::vector<std::string>& given,
                                             const std::vector<std::string>& files) {
  const auto variable = [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value != nullptr ? value : "");
  };
  std::vector<std::string> all = given;
  for (const auto& path : files) {
    std::ifstream file(path);
    std::ostringstream text;
    if (!file || !(text << file.rdbuf() || file.peek() == std::ifstream::traits_type::eof())) {
      return fail(system_error("cannot read the patterns in " + path, errno));
    }
    const auto more = files::patterns_in(text.str(), variable);
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace

void add_pattern_options(CLI::App& command, PatternOptions& options, const std::string& verb, char letter) {
  const std::string doing = verb == "exclude" ? "leave out what matches" : "take only what matches";
  const auto add = [&](const std::string& names, std::vector<std::string>& to, const std::string& help,
                       const std::string& type) {
    command.add_option(names, to, help)->type_name(type)->allow_extra_args(false);
  };
  add(std::string("-") + letter + ",--" + verb, options.patterns, doing + " PATTERN", "PATTERN");
  add("--i" + verb, options.patterns_any_case, "the same in upper or lower case", "PATTERN");
  add("--" + verb + "-file", options.files, doing + " a pattern in FILE", "FILE");
  add("--i" + verb + "-file", options.files_any_case, "the same in upper or lower case", "FILE");
}

Result<files::ExcludeRules> pattern_rules(const PatternOptions& options) {
  files::ExcludeRules rules;
  TRY_ASSIGN(const auto exact, patterns_of(options.patterns, options.files));
  TRY(rules.add(exact, false));
  TRY_ASSIGN(const auto any_case, patterns_of(options.patterns_any_case, options.files_any_case));
  TRY(rules.add(any_case, true));
  return rules;
}

}  // namespace varve::cli
