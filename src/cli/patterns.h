#pragma once

#include <string>
#include <vector>

#include "files/exclude.h"

namespace CLI {
class App;
}

namespace varve::cli {

/// --exclude, --iexclude, --exclude-file and --iexclude-file, or the same of include.
struct PatternOptions {
  std::vector<std::string> patterns, patterns_any_case, files, files_any_case;

  bool empty() const {
    return patterns.empty() && patterns_any_case.empty() && files.empty() && files_any_case.empty();
  }
};
/// `verb` is "exclude" or "include", `letter` its short form.
void add_pattern_options(CLI::App& command, PatternOptions& options, const std::string& verb, char letter);
/// Reads the files. Variables of the environment stand for their values in them.
Result<files::ExcludeRules> pattern_rules(const PatternOptions& options);

}  // namespace varve::cli
