#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "files/ledger.h"
#include "repo/tree.h"
#include "repo/writer.h"

namespace varve::files {

struct PendingFolder;

/// A place for one node in a folder; the node may come later and from another thread.
struct PendingEntry {
  std::shared_ptr<PendingFolder> folder;
  std::string* encoded = nullptr;
};

/// A folder of the snapshot that is being filled. Its walker appends entries in ascending order of name. It is complete
/// when all who hold it have let go: the walker, and each entry still to come.
struct PendingFolder {
  PendingEntry entry{};  ///< where it belongs itself; none for the root
  repo::Node node;       ///< itself, still without its tree
  std::optional<repo::Node> previous;
  std::deque<std::string> entries;  ///< encoded nodes; empty ones are left out
  std::atomic<size_t> holders = 1;
};

/// A new entry, which holds the folder.
inline PendingEntry add_entry(const std::shared_ptr<PendingFolder>& folder) {
  ++folder->holders;
  return {folder, &folder->entries.emplace_back()};
}

/// Turns folders into trees from the bottom up, each as soon as it is complete. Memory: one encoded tree, and what
/// the incomplete folders hold.
class TreeSaver {
 public:
  TreeSaver(repo::Writer& writer, Ledger& ledger) : writer_(writer), ledger_(ledger) {}

  /// An entry is known; lets go of the folder.
  void fill(const PendingEntry& entry, const repo::Node& node);
  /// One holder less. Never waits, so that it may be called from a writer's `done`.
  void let_go(const std::shared_ptr<PendingFolder>& folder);
  /// Waits while many complete folders have not been saved: what makes new ones is to call it.
  Status wait_for_room(const Cancel& cancel);

  /// Saves what becomes complete, until the root is stored.
  Status run(const Cancel& cancel);
  /// The root's tree; nothing while it is not complete, or if there is nothing in it.
  std::optional<Id> root() const;

 private:
  std::shared_ptr<PendingFolder> take(const Cancel& cancel);
  Status save(const std::shared_ptr<PendingFolder>& folder);
  void saved(const std::shared_ptr<PendingFolder>& folder, const Id& tree);
  void end(std::optional<Id> root);

  repo::Writer& writer_;
  Ledger& ledger_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<PendingFolder>> complete_;
  bool ended_ = false;
  std::optional<Id> root_;
};

}  // namespace varve::files
