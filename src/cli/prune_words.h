#pragma once

#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/writer_options.h"
#include "maintenance/prune.h"

namespace varve::cli {

/// What `prune` and `forget --prune` have in common.
struct PruneWords {
  std::string max_unused = "5%", max_repack_size, smaller_than;
  bool repack_small = false, cacheable_only = false, uncompressed = false;
  WriterWords writer;
};
void add_prune_options(Command& command, PruneWords& words);
Result<maintenance::PruneOptions> prune_options(const PruneWords& words);

/// Prunes, lets go of the lock and prints the summary; gives the exit code.
Result<int> prune(Context& context, const OpenRepository& repository, const maintenance::PruneOptions& options);

/// Opens for a command that removes things: exclusively, or without a lock for a dry run with --no-lock. Early, so that
/// settle() comes before anything is told.
Result<OpenRepository> open_to_remove(Context& context, bool dry_run);

}  // namespace varve::cli
