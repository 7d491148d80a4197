#pragma once

#include "base/reporter.h"
#include "repo/repository.h"

namespace varve::maintenance {

struct RepairIndexOptions {
  bool read_all_packs =
      false;  ///< compare every pack's header with the index, not only where sizes tell of a difference
};

struct RepairIndexResult {
  std::vector<Id> broken_files;     ///< index files that could not be read; what they said was read from the packs
  std::vector<Id> missing_packs;    ///< were in the index, but are not there: taken out of it
  std::vector<Id> added_packs;      ///< are there, but were in no index
  std::vector<Id> corrected_packs;  ///< the index said other than the pack's header
  std::vector<Id> damaged_packs;    ///< their header cannot be read; they stay in the index as it was
  std::vector<Id> unusable_packs;   ///< the same, and they were in no index
  uint64_t files_written = 0, files_removed = 0;

  bool changed() const { return files_written + files_removed > 0; }
};

/// Makes the index say what the packs hold. Needs an exclusive lock and no loaded index; one that was loaded is
/// outdated afterwards. Packs are never touched. Nothing is written where nothing is wrong; several small index files
/// are joined, too large ones split. Interrupted, it leaves entries twice at worst, which the next run clears up.
/// Memory: about 150 bytes a pack, and an index file.
Result<RepairIndexResult> repair_index(repo::Repository& repository, const RepairIndexOptions& options,
                                       Reporter& reporter, const Cancel& cancel);

}  // namespace varve::maintenance
