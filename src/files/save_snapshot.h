#pragma once

#include "files/backup.h"

namespace varve::files {

/// The last step of every backup: ends the writer, so that all is durable, then saves the snapshot in each destination
/// and fills in the result. Nothing is saved where the tree is the parent's and `skip_if_unchanged`.
struct NewSnapshot {
  Id tree{};
  std::vector<std::string> paths{};  ///< absolute
  std::vector<std::string> excludes{};
  std::vector<std::optional<repo::Snapshot>> parents{};  ///< of each destination
  bool skip_if_unchanged = false;
  bool dry_run = false;
  Time started{};
};
Result<BackupResult> save_snapshot(repo::Destinations& to, repo::Writer& writer, const Ledger& ledger,
                                   const NewSnapshot& made, const SnapshotDetails& details, const Clock& clock);

}  // namespace varve::files
