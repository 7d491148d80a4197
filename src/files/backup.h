#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "files/archiver.h"

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
  std::optional<Id> snapshot;  ///< none of a dry run, or if it was skipped as unchanged
  std::optional<Id> parent;
  repo::SnapshotSummary summary;
  repo::WriterStats stored;
  uint64_t problem_count = 0;
  std::vector<Problem> problems;  ///< the first thousand; none for exit 0
};

/// Backs files and folders up into a snapshot of the repository (under a lock that `cancel` follows), as restic's
/// backup does. Loads the index, once the parent is chosen. Nothing is visible in the repository before everything is
/// durable. A path that does not exist is a problem; an error if there is none left.
Result<BackupResult> back_up(repo::Repository& repository, const BackupOptions& options, Reporter& reporter,
                             const Cancel& cancel, const Clock& clock = system_clock());

}  // namespace varve::files
