#include "files/tree_saver.h"

#include <algorithm>

namespace varve::files {

namespace {

constexpr size_t kManyComplete = 64;

std::string encode(const PendingFolder& folder) {
  std::vector<std::string_view> nodes;
  nodes.reserve(folder.entries.size());
  for (const auto& entry : folder.entries) {
    if (!entry.empty()) nodes.push_back(entry);
  }
  return repo::join_nodes(nodes);
}

}  // namespace

void TreeSaver::fill(const PendingEntry& entry, const repo::Node& node) {
  *entry.encoded = repo::encode_node(node, repo::TimeZone::kLocal);
  let_go(entry.folder);
}

void TreeSaver::let_go(const std::shared_ptr<PendingFolder>& folder) {
  if (--folder->holders > 0) return;
  std::lock_guard lock(mutex_);
  complete_.push_back(folder);
  changed_.notify_all();
}

Status TreeSaver::wait_for_room(const Cancel& cancel) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, cancel.token(), [&] { return complete_.size() < kManyComplete; });
  return cancel.check();
}

std::shared_ptr<PendingFolder> TreeSaver::take(const Cancel& cancel) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, cancel.token(), [&] { return ended_ || !complete_.empty(); });
  if (complete_.empty()) return nullptr;
  auto folder = std::move(complete_.front());
  complete_.pop_front();
  changed_.notify_all();
  return folder;
}

Status TreeSaver::run(const Cancel& cancel) {
  while (const auto folder = take(cancel)) TRY(save(folder));
  return cancel.check();
}

Status TreeSaver::save(const std::shared_ptr<PendingFolder>& folder) {
  const bool is_empty = std::ranges::all_of(folder->entries, &std::string::empty);
  if (!folder->entry.folder && is_empty) {
    end(std::nullopt);
    return {};
  }
  const auto json = encode(*folder);
  folder->entries.clear();
  return writer_.save(repo::BlobType::kTree, to_bytes(as_bytes(json)),
                      [this, folder](const Id& tree) { saved(folder, tree); });
}

void TreeSaver::saved(const std::shared_ptr<PendingFolder>& folder, const Id& tree) {
  if (!folder->entry.folder) return end(tree);
  folder->node.subtree = tree;
  ledger_.count(folder->previous, folder->node);
  fill(folder->entry, folder->node);
}

void TreeSaver::end(std::optional<Id> root) {
  std::lock_guard lock(mutex_);
  ended_ = true;
  root_ = root;
  changed_.notify_all();
}

std::optional<Id> TreeSaver::root() const {
  std::lock_guard lock(mutex_);
  return root_;
}

}  // namespace varve::files
