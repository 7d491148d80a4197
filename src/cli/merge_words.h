#pragma once

#include <string>

#include "cli/command.h"
#include "job/backup_moment.h"

namespace varve::cli {

/// How the operations of a backup's window are merged with it.
struct MergeWords {
  std::string memory = "256M", spill_folder;
};
void add_merge_options(Command& command, MergeWords& words);
Result<job::MergeOptions> merge_options(const MergeWords& words);

}  // namespace varve::cli
