#include "job/tree_builder.h"

#include <algorithm>

#include "codec/sha256.h"

namespace varve::job {

namespace {

constexpr uint32_t kFileMode = 0600;
constexpr uint32_t kFolderMode = 0700;

void set_times(repo::Node& node, Time time) {
  node.mtime = node.atime = node.ctime = time;
}

}  // namespace

repo::Node file_node(std::string name, StoredFile file, Time time) {
  repo::Node node;
  node.name = std::move(name);
  node.type = repo::NodeType::kFile;
  node.mode = kFileMode;
  node.size = file.size;
  node.content = std::move(file.blobs);
  set_times(node, time);
  return node;
}

repo::Node folder_node(std::string name, const Id& tree, Time time) {
  repo::Node node;
  node.name = std::move(name);
  node.type = repo::NodeType::kDir;
  node.mode = kFolderMode;
  node.subtree = tree;
  set_times(node, time);
  return node;
}

TreeBuilder::TreeBuilder(repo::Destinations& to, std::optional<repo::ParentTree> parent, Time now)
    : to_(to), parent_(parent), now_(now) {}

void TreeBuilder::add(const std::string& path, StoredFile file) {
  Folder* folder = &root_;
  size_t begin = 0;
  for (size_t slash; (slash = path.find('/', begin)) != std::string::npos; begin = slash + 1) {
    folder = &folder->folders[path.substr(begin, slash - begin)];
  }
  folder->files[path.substr(begin)] = std::move(file);
}

Result<TreeBuilder::Summary> TreeBuilder::write(repo::Writer& writer, const Cancel& cancel) {
  TRY_ASSIGN(const auto written,
             write_folder(root_, parent_ ? std::optional(parent_->tree) : std::nullopt, writer, cancel));
  summary_.root = written.id;
  return summary_;
}

Result<TreeBuilder::ParentNodes> TreeBuilder::parent_nodes(const std::optional<Id>& tree, const Cancel& cancel) {
  ParentNodes nodes;
  if (!tree) return nodes;
  auto loaded = to_.load_tree(parent_->of, *tree);
  TRY(cancel.check());
  // The parent only saves work: one that stock tools pruned or that is damaged is done without. check reports damage.
  if (!loaded || !*loaded) return nodes;
  for (auto& node : **loaded) nodes.emplace(node.name, std::move(node));
  return nodes;
}

repo::Node TreeBuilder::make_file(const std::string& name, StoredFile file, const ParentNodes& parents) {
  auto node = file_node(name, std::move(file), now_);
  ++summary_.files;
  summary_.bytes += node.size;

  const auto parent = parents.find(name);
  if (parent == parents.end()) {
    ++summary_.files_new;
  } else if (parent->second.type == node.type && parent->second.content == node.content) {
    set_times(node, parent->second.mtime);
    ++summary_.files_unmodified;
  } else {
    ++summary_.files_changed;
  }
  return node;
}

Result<repo::Node> TreeBuilder::make_folder(const std::string& name, Folder& folder, const ParentNodes& parents,
                                            repo::Writer& writer, const Cancel& cancel) {
  const auto parent = parents.find(name);
  const auto parent_tree = parent == parents.end() ? std::nullopt : parent->second.subtree;
  TRY_ASSIGN(const auto written, write_folder(folder, parent_tree, writer, cancel));

  auto node = folder_node(name, written.id, written.changed);
  if (!parent_tree) {
    ++summary_.dirs_new;
  } else if (*parent_tree == written.id) {
    ++summary_.dirs_unmodified;
  } else {
    ++summary_.dirs_changed;
  }
  return node;
}

Result<TreeBuilder::Written> TreeBuilder::write_folder(Folder& folder, const std::optional<Id>& parent,
                                                       repo::Writer& writer, const Cancel& cancel) {
  TRY_ASSIGN(const auto parents, parent_nodes(parent, cancel));
  std::vector<repo::Node> nodes;
  nodes.reserve(folder.files.size() + folder.folders.size());
  for (auto& [name, file] : folder.files) nodes.push_back(make_file(name, std::move(file), parents));
  for (auto& [name, child] : folder.folders) {
    TRY_ASSIGN(auto node, make_folder(name, child, parents, writer, cancel));
    nodes.push_back(std::move(node));
  }
  std::sort(nodes.begin(), nodes.end(), [](const auto& a, const auto& b) { return a.name < b.name; });

  // A folder is as old as the latest change inside; an empty one as this snapshot.
  Time changed = nodes.empty() ? now_ : Time::min();
  for (const auto& node : nodes) changed = std::max(changed, node.mtime);

  TRY_ASSIGN(const auto json, repo::encode_tree(nodes));
  const Id id = codec::sha256(as_bytes(json));
  TRY(writer.save(repo::BlobType::kTree, to_bytes(as_bytes(json)), [](const Id&) {}));
  return Written{id, changed};
}

}  // namespace varve::job
