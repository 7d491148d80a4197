#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/pattern_options.h"

namespace varve::cli {

/// The words of `restore S --target DIR`.
struct RestoreFilesWords {
  std::string target, overwrite = "always";
  PatternOptions includes, excludes;
  std::vector<std::string> include_attributes, exclude_attributes;
  bool sparse = false, verify = false, remove_others = false, owners_by_name = false;
  int verbose = 0;
};
/// They are no options of a restore to a server, and refuse to be given with those named.
void add_restore_files_options(Command& command, RestoreFilesWords& words,
                               const std::vector<std::string>& options_of_servers);
Result<int> restore_files(Context& context, const SnapshotOptions& snapshot, const RestoreFilesWords& words,
                          bool dry_run);

}  // namespace varve::cli
