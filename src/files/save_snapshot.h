#pragma once

#include "files/backup.h"

namespace varve::files {

/// The last step of every backup: ends the writer, so that all is durable, then saves the snapshot and fills in the
/// result. Nothing is saved if the tree is the parent's and `skip_if_unchanged`.
struct NewSnapshot {
  Id tree{};
  std::vector<std::string> paths{};  ///< absolute
  std::vector<std::string> excludes{};
  std::optional<repo::Snapshot> parent{};
  bool skip_if_unchanged = false;
  bool dry_run = false;
  Time started{};
};
Result<BackupResult> save_snapshot(repo::Repository& repository, repo::Writer& writer, const Ledger& ledger,
                                   const NewSnapshot& made, const SnapshotDetails& details, const Cancel& cancel,
                                   const Clock& clock);

}  // namespace varve::files
