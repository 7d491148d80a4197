#pragma once

#include "job/backup.h"
#include "job/restorable.h"

namespace varve::job {

struct NewBaseOptions {
  std::string source;
  std::vector<std::string> tags;
  repo::WriterOptions writer{};
  MergeOptions memory{};  ///< for the merge; its `later` is not looked at
  std::string program_version{};
};

/// Makes a backup of a moment out of an older one and the oplog since, without a server. A collection of which little
/// changed keeps its file, and what changed goes into the backup's oplog as the last state of each document; of one
/// with more changes than a quarter of it the documents are written anew. So what is written is in proportion to the
/// changes, while what changed is read from the repository. Needs a lock that `cancel` follows, and the index.
/// kInvalidInput for a backup of a part of its source.
Result<BackupResult> new_base(repo::Repository& repository, const ChosenMoment& from, const NewBaseOptions& options,
                              Reporter& reporter, const Cancel& cancel, const Clock& clock = system_clock());

}  // namespace varve::job
