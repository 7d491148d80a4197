#pragma once

#include <string>
#include <vector>

#include "base/reporter.h"
#include "job/backup_moment.h"

namespace varve::job {

struct ExportResult {
  uint64_t files = 0, bytes = 0;
  bool holds_credentials = false;  ///< admin.system.users is among the files
  std::vector<std::string> remarks;
  std::vector<std::string> losses;  ///< what the snapshot no longer holds, and so the folder neither
};

/// Writes the backup's mongodump folder as it was read, the window's oplog beside it, to `out`, a new or empty folder:
/// files 0600, folders 0700, each file complete or absent. kExists if the folder holds anything. Of a snapshot that a
/// repair left incomplete, what is there is written and the rest is named.
Result<ExportResult> export_dump(const BackupReader& backup, const std::string& out, Reporter& reporter,
                                 const Cancel& cancel);

/// The same of the final documents: merged with the operations of the window, and an empty oplog beside them.
/// Incomplete backups are an error.
Result<ExportResult> export_merged(const BackupReader& backup, const std::string& out, const MergeOptions& merge,
                                   Reporter& reporter, const Cancel& cancel);

}  // namespace varve::job
