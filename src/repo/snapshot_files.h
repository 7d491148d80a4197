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

/// The one of `all` that a name means: an id or the beginning of one, in upper or lower case, or "latest", the newest
/// that can be read and that the filter takes. kNotFound or kInvalidInput, with what there is instead. It is here alone
/// that names get their meaning.
Result<SnapshotFile> find_snapshot_file(const std::vector<SnapshotFile>& all, std::string_view name,
                                        const SnapshotFilter& filter);
bool is_latest(std::string_view name);

/// Those that `names` mean, each once and in their order; without names those that the filter takes and those that
/// cannot be read, since nobody knows what they are. kInvalidInput too for a filter beside names that it has no say in,
/// as in restic.
Result<std::vector<SnapshotFile>> select_snapshot_files(std::vector<SnapshotFile> all,
                                                        const std::vector<std::string>& names,
                                                        const SnapshotFilter& filter);

/// The error of the first that cannot be read.
Status refuse_unreadable(const std::vector<SnapshotFile>& files);
/// What these files hold; the same error.
Result<std::vector<Snapshot>> contents_of(std::vector<SnapshotFile> files);

}  // namespace varve::repo
