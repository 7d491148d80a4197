#pragma once

#include <string>
#include <vector>

#include "bson/document.h"
#include "cli/context.h"
#include "job/archive_trim.h"
#include "maintenance/forget.h"

namespace varve::cli {

/// What --keep-pitr of `forget` means for a source that has an archive of its oplog.
struct KeptSeconds {
  std::string source;
  job::OplogArchive archive;
  bson::Timestamp oplog_from;              ///< what the archive holds before is needed for none of these seconds
  std::vector<repo::Snapshot> of_archive;  ///< those of its snapshots that were selected
};
/// Finds the sources that have archives among the selected snapshots, takes those of the archives out, and notes in the
/// policy which backups are needed. kNotFound if there is no archive.
Result<std::vector<KeptSeconds>> find_kept_seconds(const OpenRepository& repository, maintenance::Policy& policy,
                                                   std::vector<repo::Snapshot>& selected);

/// Leaves what is not needed out of an archive, and tells it; what became of the archive's snapshots.
Result<maintenance::ForgetGroup> trim(const OpenRepository& repository, const KeptSeconds& kept,
                                      const repo::WriterOptions& writer, bool dry_run, Output& output);

}  // namespace varve::cli
