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
  TRY_ASSIGN(auto found, find_snapshot_trees(repository, {std::string(name)}, filter, cancel));
  return std::move(found.front());
}

Result<std::vector<SnapshotTree>> find_snapshot_trees(Repository& repository, const std::vector<std::string>& names,
                                                      const SnapshotFilter& filter, const Cancel& cancel) {
  std::vector<SnapshotTree> found;
  for (const auto& name : names) {
    auto path = split_snapshot_path(name);
    TRY_ASSIGN(auto snapshot, repository.find_snapshot(path.snapshot, filter, cancel));
    const Id tree = snapshot.tree;
    found.push_back({std::move(snapshot), std::move(path.folder), tree});
  }
  TRY(repository.load_index(cancel));
  for (auto& one : found) {
    TRY_ASSIGN(one.tree, find_folder(repository, one.tree, one.folder, cancel));
  }
  return found;
}

}  // namespace varve::repo
