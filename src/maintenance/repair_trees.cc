#include "maintenance/repair_trees.h"

#include <algorithm>

#include "codec/sha256.h"
#include "repo/index.h"
#include "repo/node_type.h"
#include "repo/pack.h"
#include "repo/tree_text.h"
#include "repo/walk_trees.h"

namespace varve::maintenance {

namespace {

using repo::BlobType;

constexpr size_t kMaxChanges = 100;

/// Why nobody can make use of an entry; nothing if it is one.
std::optional<std::string> fault_of(const RawNode& node) {
  if (node.name().empty()) return "it has no name";
  if (node.name() == "." || node.name() == ".." ||
      node.name().find_first_of(std::string_view("/\0", 2)) != std::string::npos) {
    return "no file can have such a name";
  }
  if (!repo::type_of(node.type())) return "it is of an unknown type";
  return std::nullopt;
}

/// How many plain bytes the blob has; nothing if the index does not know it, or knows only what cannot be.
std::optional<uint64_t> size_of(const repo::Index& index, const Id& id) {
  for (const auto& at : index.find(BlobType::kData, id)) {
    if (const auto length = repo::plain_length(at)) return *length;
  }
  return std::nullopt;
}

}  // namespace

Result<Id> TreeRepair::repair(const Id& root, RepairedSnapshot& snapshot, const Cancel& cancel) {
  open_.clear();
  snapshot_ = &snapshot;
  if (const auto found = done_.find(root); found != done_.end() && !found->second.why.empty()) {
    return fail(ErrorKind::kCorrupt, found->second.why);
  }
  TRY_ASSIGN(const auto known, begin(root, "", cancel));
  if (known) return *known;
  while (open_.size() > 1 || open_.back().next < open_.back().entries.size()) TRY(step(cancel));
  leave_out_unusable();
  Folder folder = std::move(open_.back());
  open_.clear();
  return finish(std::move(folder), cancel);
}

/// Opens a tree, or gives at once what became of it earlier. The error says why it cannot be read.
Result<std::optional<Id>> TreeRepair::begin(const Id& tree, std::string name, const Cancel& cancel) {
  if (const auto found = done_.find(tree); found != done_.end()) {
    SnapshotChange change;
    change.snapshot = found->second.snapshot;
    change.why = found->second.why;
    if (found->second.tree != tree)
      note(change.why.empty() ? Kind::kAsBefore : Kind::kEmptied, name, std::move(change));
    return found->second.tree;
  }
  TRY_ASSIGN(const auto json, repository_.load_blob(BlobType::kTree, tree, cancel));
  TRY_ASSIGN(auto entries, repo::split_nodes(as_text(json)));
  open_.push_back({tree, std::move(name), std::move(entries), 0, 0, std::nullopt, false});
  return std::nullopt;
}

/// Goes on with the innermost folder by one entry, or ends it.
Status TreeRepair::step(const Cancel& cancel) {
  TRY(cancel.check());
  Folder& folder = open_.back();
  if (folder.next == folder.entries.size()) {
    leave_out_unusable();
    Folder ended = std::move(folder);
    open_.pop_back();
    TRY_ASSIGN(const Id tree, finish(std::move(ended), cancel));
    take_subtree(tree);
    return {};
  }
  auto node = RawNode::parse(folder.entries[folder.next]);
  const auto fault = node ? fault_of(*node) : std::optional(node.error().message());
  if (fault) {
    leave_out(node ? node->name() : "?", *fault);
    return {};
  }
  if (node->type() == "dir") return enter(std::move(*node), cancel);
  if (node->type() == "file") repair_file(*node);
  keep();
  return {};
}

/// The entry that was looked at stays.
void TreeRepair::keep() {
  Folder& folder = open_.back();
  if (folder.kept != folder.next) folder.entries[folder.kept] = std::move(folder.entries[folder.next]);
  ++folder.kept;
  ++folder.next;
}

/// All were looked at: what was left out goes.
void TreeRepair::end_round() {
  Folder& folder = open_.back();
  folder.entries.resize(folder.kept);
  folder.kept = folder.next = 0;
}

Status TreeRepair::enter(RawNode node, const Cancel& cancel) {
  const Id tree = node.subtree().value_or(Id{});
  const std::string name = node.name();
  open_.back().waiting = std::move(node);
  const size_t depth = open_.size();
  const auto known = begin(tree, name, cancel);
  if (known) {
    if (*known) take_subtree(**known);
    return {};
  }
  if (!repo::is_damage(known.error())) return fail(known.error());
  open_.resize(depth);
  SnapshotChange change;
  change.why = known.error().message();
  note(Kind::kEmptied, name, std::move(change));
  TRY_ASSIGN(const Id empty, save({}, cancel));
  done_.insert_or_assign(tree, Done{empty, snapshot_->id, known.error().message()});
  take_subtree(empty);
  return {};
}

/// The folder that the innermost open one waits for has become this.
void TreeRepair::take_subtree(const Id& tree) {
  Folder& folder = open_.back();
  RawNode node = std::move(*folder.waiting);
  folder.waiting.reset();
  if (node.subtree() != tree) {
    node.set_subtree(tree);
    folder.entries[folder.next] = node.json();
    folder.changed = true;
  }
  keep();
}

void TreeRepair::leave_out(const std::string& name, std::string why) {
  Folder& folder = open_.back();
  SnapshotChange change;
  change.why = std::move(why);
  note(Kind::kDropped, name, std::move(change));
  ++folder.next;
  folder.changed = true;
}

/// What has a name and a type can still be of no use: a member that is not of its type, more of something than anybody
/// reads.
void TreeRepair::leave_out_unusable() {
  end_round();
  Folder& folder = open_.back();
  const auto usable = [](const std::vector<std::string>& entries) { return repo::decode_tree(join_tree(entries)); };
  if (usable(folder.entries)) return;
  while (folder.next < folder.entries.size()) {
    const auto alone = usable({folder.entries[folder.next]});
    if (alone) {
      keep();
    } else {
      const auto node = RawNode::parse(folder.entries[folder.next]);
      leave_out(node ? node->name() : "?", alone.error().message());
    }
  }
  end_round();
  const auto rest = usable(folder.entries);
  if (rest) return;
  SnapshotChange change;
  change.why = rest.error().message();
  note(Kind::kEmptied, "", std::move(change));
  folder.entries.clear();
  folder.changed = true;
}

void TreeRepair::repair_file(RawNode& node) {
  std::vector<Id> there;
  uint64_t size = 0;
  for (const Id& id : node.content()) {
    if (const auto blob_size = size_of(repository_.index(), id)) {
      there.push_back(id);
      size += *blob_size;
    }
  }
  const uint64_t blobs = node.content().size();
  const uint64_t lost = blobs - there.size();
  if (lost == 0 && size == node.size() && node.has_content()) return;
  SnapshotChange change;
  change.blobs = blobs;
  change.lost = lost;
  note(lost > 0 ? Kind::kShortened : Kind::kSizeCorrected, node.name(), std::move(change));
  node.set_content(std::move(there));
  node.set_size(size);
  open_.back().entries[open_.back().next] = node.json();
  open_.back().changed = true;
}

Result<Id> TreeRepair::finish(Folder folder, const Cancel& cancel) {
  Id tree = folder.id;
  if (folder.changed) {
    TRY_ASSIGN(tree, save(folder.entries, cancel));
  }
  done_.insert_or_assign(folder.id, Done{tree, snapshot_->id, ""});
  return tree;
}

Result<Id> TreeRepair::save(const std::vector<std::string>& entries, const Cancel& cancel) {
  const std::string json = join_tree(entries);
  const Id id = codec::sha256(as_bytes(json));
  // The writer takes for stored what the index knows.
  if (repository_.index().has(BlobType::kTree, id)) {
    if (auto there = repository_.load_blob(BlobType::kTree, id, cancel); !there) {
      return fail(std::move(there)
                      .error()
                      .within("a tree that is wanted again is damaged itself")
                      .hint("`varve check --read-data` names the damaged packs; `varve repair packs` comes first"));
    }
  } else if (writer_ != nullptr) {
    TRY(writer_->save(BlobType::kTree, to_bytes(as_bytes(json)), [](const Id&) {}));
  }
  return id;
}

void TreeRepair::note(Kind kind, const std::string& name, SnapshotChange change) {
  if (snapshot_->changes.size() == kMaxChanges) {
    ++snapshot_->more_changes;
    return;
  }
  change.kind = kind;
  change.path = path_of(name);
  snapshot_->changes.push_back(std::move(change));
}

std::string TreeRepair::path_of(const std::string& name) const {
  std::string path;
  for (const Folder& folder : open_) {
    if (!folder.name.empty()) path += "/" + folder.name;
  }
  return path + "/" + name;
}

}  // namespace varve::maintenance
