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

/// Backs a stream up as the one file of a snapshot of each repository, as restic's backup --stdin does. Loads their
/// indexes. A command that fails, and a stream without a single byte, are errors: there is no snapshot then.
Result<BackupResult> back_up_stream(repo::Destinations& to, const StreamOptions& options, Reporter& reporter,
                                    const Clock& clock = system_clock());
/// Into one repository.
inline Result<BackupResult> back_up_stream(repo::Repository& repository, const StreamOptions& options,
                                           Reporter& reporter, const Cancel& cancel) {
  repo::Destinations to(repository, cancel);
  return back_up_stream(to, options, reporter);
}

}  // namespace varve::files
