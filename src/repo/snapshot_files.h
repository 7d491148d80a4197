#pragma once

#include "repo/repository.h"

namespace varve::repo {

/// A file of the folder snapshots, whether it can be read or not: for those who look for damage or repair it, where
/// one broken snapshot must not hide the others.
struct SnapshotFile {
  Id id;
  Result<Snapshot> snapshot;
};

/// All of them, oldest first, those that cannot be read last. Fails only where the storage does.
Result<std::vector<SnapshotFile>> read_snapshot_files(Repository& repository, const Cancel& cancel);

/// Those that `names` mean (ids, beginnings of ids, "latest"), each once; without names those that the filter takes and
/// those that cannot be read, since nobody knows what they are. kNotFound or kInvalidInput for a name that means none
/// or several, and for a filter beside names that it has no say in, as in restic.
Result<std::vector<SnapshotFile>> select_snapshot_files(std::vector<SnapshotFile> all,
                                                        const std::vector<std::string>& names,
                                                        const SnapshotFilter& filter);

}  // namespace varve::repo
