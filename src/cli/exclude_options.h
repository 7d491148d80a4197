#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "files/exclude.h"

namespace varve::cli {

/// --exclude and its relatives, or --include and its.
struct ExcludeWords {
  std::vector<std::string> patterns, patterns_any_case;
  std::vector<std::string> files, files_any_case;

  bool empty() const;
};
void add_exclude_options(Command& command, ExcludeWords& words);
void add_include_options(Command& command, ExcludeWords& words);
/// Reads the files, too. An error names what is malformed, or the file.
Result<files::ExcludeRules> exclude_rules(const ExcludeWords& words);

}  // namespace varve::cli
