#include "repo/snapshot_path.h"

namespace varve::repo {

SnapshotPath split_snapshot_path(std::string_view name) {
  const auto colon = name.find(':');
  if (colon == std::string_view::npos) return {std::string(name), ""};
  return {std::string(name.substr(0, colon)), std::string(name.substr(colon + 1))};
}

Result<Id> find_folder(Repository& repository, const Id& tree, std::string_view folder, const Cancel& cancel) {
  TRY_ASSIGN(const auto node, find_node(repository, tree, folder, cancel));
  if (node.type != NodeType::kDir) {
    return fail(ErrorKind::kNotFound, "\"" + std::string(folder) + "\" is not a folder of the snapshot");
  }
  return *node.subtree;
}

Result<SnapshotTree> find_snapshot_tree(Repository& repository, std::string_view name, const SnapshotFilter& filter,
                                        const Cancel& cancel) {
  const auto path = split_snapshot_path(name);
  SnapshotTree found;
  TRY_ASSIGN(found.snapshot, repository.find_snapshot(path.snapshot, filter, cancel));
  found.folder = path.folder;
  TRY_ASSIGN(found.tree, find_folder(repository, found.snapshot.tree, path.folder, cancel));
  return found;
}

}  // namespace varve::repo
