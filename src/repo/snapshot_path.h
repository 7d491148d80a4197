#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "repo/repository.h"

namespace varve::repo {

/// "9e1d04c7:/home/anna": a snapshot and a folder in it, which is to be taken for the whole.
struct SnapshotPath {
  std::string snapshot, folder;
};
SnapshotPath split_snapshot_path(std::string_view name);

/// The tree of a folder below `tree`; `tree` itself for "" or "/". kNotFound if there is none or it is no folder.
Result<Id> find_folder(Repository& repository, const Id& tree, std::string_view folder, const Cancel& cancel);

/// What a name like that stands for.
struct SnapshotTree {
  Snapshot snapshot;
  std::string folder;  ///< as it was given
  Id tree;             ///< the folder's, or the snapshot's own
};
/// `name` may be that of a snapshot only. Loads the index, and that after the snapshot was found: what a backup saved
/// meanwhile is in it then, and all that a snapshot needs is indexed before it is there.
Result<SnapshotTree> find_snapshot_tree(Repository& repository, std::string_view name, const SnapshotFilter& filter,
                                        const Cancel& cancel);
/// The same for several, in their order.
Result<std::vector<SnapshotTree>> find_snapshot_trees(Repository& repository, const std::vector<std::string>& names,
                                                      const SnapshotFilter& filter, const Cancel& cancel);

}  // namespace varve::repo
