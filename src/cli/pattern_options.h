#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "files/exclude.h"

namespace varve::cli {

/// --exclude, --iexclude, --exclude-file and --iexclude-file, or the same with another verb.
struct PatternOptions {
  std::vector<std::string> patterns, any_case, files, any_case_files;

  bool empty() const;
  /// All of them together; reads the files.
  Result<files::ExcludeRules> rules() const;
};
/// `verb` is "exclude" or "include"; `meaning` begins the help: "leave out what matches".
void add_pattern_options(Command& command, PatternOptions& options, const std::string& verb,
                         const std::string& meaning);

}  // namespace varve::cli
