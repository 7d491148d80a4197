#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "files/archiver.h"
#include "repo/saved_snapshots.h"

namespace varve::files {

/// What a snapshot says about itself.
struct SnapshotDetails {
  std::optional<Time> time{};  ///< none: now
  std::string host{};          ///< empty: this machine
  std::vector<std::string> tags{};
  std::string program_version{};
};

struct BackupOptions {
  std::vector<std::string> paths;
  ArchiveOptions archive{};
  repo::WriterOptions writer{};
  SnapshotDetails details{};
  std::vector<std::string> excludes{};  ///< as the snapshot records them
  std::string parent{};                 ///< a snapshot; empty: the newest of this host with all of these paths
  bool without_parent = false;          ///< read every file
  bool skip_if_unchanged = false;       ///< no snapshot if its tree would be the parent's
};

struct BackupResult {
  std::vector<repo::SavedSnapshot> repositories;  ///< of each destination
  /// In the first that has not failed; none of a dry run, or if it was skipped as unchanged.
  std::optional<Id> snapshot;
  std::optional<Id> parent;  ///< in the same one; so is what was stored
  repo::SnapshotSummary summary;
  repo::WriterStats stored;
  uint64_t problem_count = 0;
  std::vector<Problem> problems;  ///< the first thousand; none for exit 0
};

/// Backs files and folders up into a snapshot of each repository (under locks that their Cancels follow), as restic's
/// backup does. Loads their indexes, once the parents are chosen. Nothing is visible in a repository before everything
/// is durable there. A path that does not exist is a problem; an error if there is none left.
Result<BackupResult> back_up(repo::Destinations& to, const BackupOptions& options, Reporter& reporter,
                             const Clock& clock = system_clock());
/// Into one repository.
inline Result<BackupResult> back_up(repo::Repository& repository, const BackupOptions& options, Reporter& reporter,
                                    const Cancel& cancel) {
  repo::Destinations to(repository, cancel);
  return back_up(to, options, reporter);
}

}  // namespace varve::files
