#include "files/walker.h"

#include <algorithm>

#include <fcntl.h>

#include "files/open_source.h"
#include "files/paths.h"
#include "repo/index.h"

namespace varve::files {

using repo::Node;
using repo::NodeType;

Place Place::below(const std::string& name) const {
  return {path == "." ? name : join_path(path, name), join_path(absolute, name)};
}

namespace {

std::optional<Id> tree_of(const std::optional<Node>& node) {
  return node && node->type == NodeType::kDir ? node->subtree : std::nullopt;
}

}  // namespace

Status Walker::walk(const Source& root, const std::optional<Id>& parent_tree, const Cancel& cancel) {
  const auto folder = std::make_shared<PendingFolder>();
  auto& previous = folder->previous.emplace();
  previous.type = NodeType::kDir;
  previous.subtree = parent_tree;
  return walk_below(root, folder, cancel);
}

/// A folder of which only some things are taken, and which was not named itself.
Status Walker::walk_below(const Source& source, const std::shared_ptr<PendingFolder>& folder, const Cancel& cancel) {
  TRY_ASSIGN(auto parent, load_parent(folder->previous, cancel));
  for (const auto& [name, below] : source.below) {
    TRY(cancel.check());
    auto previous = parent.take(name);
    if (below.is_leaf()) {
      const Place place{below.path, absolute_path(below.path, working_folder_)};
      TRY(save(name, place, below.is_named, std::move(previous), folder, cancel));
    } else {
      TRY(save_folder_above(name, below, std::move(previous), folder, cancel));
    }
  }
  parts_.trees.let_go(folder);
  return {};
}

/// Described as what it points to if it is a link. Whether its extended attributes may be read is nobody's concern.
Status Walker::save_folder_above(const std::string& name, const Source& source, Previous previous,
                                 const std::shared_ptr<PendingFolder>& into, const Cancel& cancel) {
  LocalFile file{source.folder, {}, -1};
  const bool found = ::stat(file.path.c_str(), &file.stat) == 0;
  if (!found || !S_ISDIR(file.stat.st_mode)) {
    const auto why = found ? Error(ErrorKind::kInconsistent, "it is no longer a folder, and was left out")
                           : system_error("cannot look at it, so it was left out", errno);
    parts_.ledger.problem(file.path, why);
    return {};
  }
  std::vector<Error> problems;
  TRY_ASSIGN(auto node, parts_.describe(file, name, problems));
  for (const auto& problem : problems) {
    if (problem.kind() != ErrorKind::kDenied) parts_.ledger.problem(file.path, problem);
  }
  return walk_below(source, open_folder(std::move(node), std::move(previous), into), cancel);
}

Status Walker::save(const std::string& name, const Place& place, bool is_named, Previous previous,
                    const std::shared_ptr<PendingFolder>& into, const Cancel& cancel) {
  if (!is_named && !selection_.takes_path(place.absolute)) return {};
  const auto file = look_at(place.path);
  if (!file) {
    // What is gone again since its folder was listed is not there to be backed up.
    if (file.error().kind() != ErrorKind::kNotFound || is_named) parts_.ledger.problem(place.path, file.error());
    return {};
  }
  if (!is_named && !selection_.takes(place.absolute, file->stat)) return {};
  switch (type_of(file->stat).value_or(NodeType::kFifo)) {
    case NodeType::kFile:
      return save_file(name, *file, std::move(previous), into, cancel);
    case NodeType::kDir:
      return save_folder(name, place, std::move(previous), into, cancel);
    case NodeType::kSocket:
      return {};  // means something only to the process that made it
    default:
      return save_other(name, *file, into);
  }
}

Status Walker::save_file(const std::string& name, const LocalFile& file, Previous previous,
                         const std::shared_ptr<PendingFolder>& into, const Cancel& cancel) {
  if (previous && is_unmodified(file, *previous) && has_content(file, *previous)) {
    auto node = describe(file, name);
    if (!node) return {};
    node->content = std::move(previous->content);
    parts_.ledger.count_unmodified(*node);
    parts_.trees.fill(add_entry(into), *node);
    return {};
  }
  return parts_.files.add({file.path, name, std::move(previous), add_entry(into)}, cancel);
}

bool Walker::is_unmodified(const LocalFile& file, const Node& previous) const {
  const auto& stat = file.stat;
  return previous.type == NodeType::kFile && previous.size == static_cast<uint64_t>(stat.st_size) &&
         previous.mtime == modified_at(stat) && (options_.ignore_ctime || previous.ctime == changed_at(stat)) &&
         (options_.ignore_inode || previous.inode == stat.st_ino);
}

/// In every destination. What only another one than the parent's lacks is new there, and no problem.
bool Walker::has_content(const LocalFile& file, const Node& previous) {
  auto& to = parts_.to;
  const auto all_have = [&](const Id& id) { return to.all_have(repo::BlobType::kData, id); };
  if (std::ranges::all_of(previous.content, all_have)) return true;
  const auto& index = to[parts_.parent_of].index();
  const auto is_known = [&](const Id& id) { return index.has(repo::BlobType::kData, id); };
  if (std::ranges::all_of(previous.content, is_known)) return false;
  parts_.ledger.problem(file.path, Error(ErrorKind::kCorrupt,
                                         "parts of it are missing in the repository since the "
                                         "parent snapshot; it is stored again"));
  return false;
}

Status Walker::save_folder(const std::string& name, const Place& place, Previous previous,
                           const std::shared_ptr<PendingFolder>& into, const Cancel& cancel) {
  TRY(parts_.trees.wait_for_room(cancel));
  std::vector<std::string> names;
  std::shared_ptr<PendingFolder> folder;
  {
    const auto opened = open_source(place.path, O_DIRECTORY);
    auto listed =
        opened ? storage::posix::names_in(opened->fd) : Result<std::vector<std::string>>(fail(opened.error()));
    if (!listed) {
      parts_.ledger.problem(place.path, listed.error());
      return {};
    }
    names = std::move(*listed);
    auto node = describe(opened->file, name);
    if (!node) return {};
    folder = open_folder(std::move(*node), std::move(previous), into);
  }
  TRY_ASSIGN(auto parent, load_parent(folder->previous, cancel));
  for (const auto& child : names) {
    TRY(cancel.check());
    TRY(save(child, place.below(child), false, parent.take(child), folder, cancel));
  }
  parts_.trees.let_go(folder);
  return {};
}

Result<ParentFolder> Walker::load_parent(const Previous& previous, const Cancel& cancel) {
  return ParentFolder::load(parts_.to, parts_.parent_of, tree_of(previous), parts_.ledger, cancel);
}

Status Walker::save_other(const std::string& name, const LocalFile& file, const std::shared_ptr<PendingFolder>& into) {
  if (const auto node = describe(file, name)) parts_.trees.fill(add_entry(into), *node);
  return {};
}

std::optional<Node> Walker::describe(const LocalFile& file, const std::string& name) {
  std::vector<Error> problems;
  auto node = parts_.describe(file, name, problems);
  for (const auto& problem : problems) parts_.ledger.problem(file.path, problem);
  if (node) return std::move(*node);
  parts_.ledger.problem(file.path, node.error());
  return std::nullopt;
}

std::shared_ptr<PendingFolder> Walker::open_folder(Node node, Previous previous,
                                                   const std::shared_ptr<PendingFolder>& into) {
  auto folder = std::make_shared<PendingFolder>();
  folder->entry = add_entry(into);
  folder->node = std::move(node);
  folder->previous = std::move(previous);
  return folder;
}

}  // namespace varve::files
