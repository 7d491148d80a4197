#pragma once

#include <string>
#include <vector>

#include "files/backup.h"

namespace varve::files {

struct StreamOptions {
  std::string name;                    ///< of the file in the snapshot; may have folders
  std::vector<std::string> command{};  ///< whose output is stored; empty: `input` is
  int input = 0;                       ///< standard input
  repo::WriterOptions writer{};
  SnapshotDetails details{};
};

/// Backs a stream up as the one file of a snapshot, as restic's backup --stdin does. Loads the index. A command that
/// fails, and a stream without a single byte, are errors: there is no snapshot then.
Result<BackupResult> back_up_stream(repo::Repository& repository, const StreamOptions& options, Reporter& reporter,
                                    const Cancel& cancel, const Clock& clock = system_clock());

}  // namespace varve::files
