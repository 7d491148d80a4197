#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "files/exclude.h"
#include "files/walk.h"

namespace varve::files {

/// Entries by name and time. Keep one for all snapshots of a search: what it has learnt to hold nothing in one, it
/// passes over in the next.
class NameSearch {
 public:
  struct Query {
    ExcludeRules patterns;
    std::optional<Time> oldest, newest;  ///< of the modification
  };
  using Found = std::function<Status(const Entry& entry)>;
  /// A tree that cannot be read; the search goes on without it.
  using Unreadable = std::function<void(const std::string& path, const Id& tree, const Error& error)>;

  explicit NameSearch(Query query) : query_(std::move(query)) {}

  Status run(repo::Repository& repository, const Id& tree, const Found& found, const Unreadable& unreadable,
             const Cancel& cancel);

 private:
  class Visitor;

  const Query query_;
  std::unordered_set<Id> barren_;  ///< digests of path and tree
};

/// Blobs and trees by their ids, or the beginnings of them.
class IdSearch {
 public:
  std::vector<std::string> blobs, trees;            ///< ids or their beginnings, lower case
  std::unordered_set<Id> exact_blobs, exact_trees;  ///< such as those of a pack

  struct Hit {
    bool is_tree;
    Id id;
    std::string path;
    Id parent;  ///< of a blob: the tree that its file stands in
  };
  using Found = std::function<Status(const Hit& hit)>;

  Status run(repo::Repository& repository, const Id& tree, const Found& found, const NameSearch::Unreadable& unreadable,
             const Cancel& cancel);

  /// Those that were met.
  const std::set<Id>& met_blobs() const { return met_blobs_; }
  const std::set<Id>& met_trees() const { return met_trees_; }

 private:
  class Visitor;
  bool wants_blob(const Id& id) const;
  bool wants_tree(const Id& id) const;

  std::unordered_set<Id> barren_;
  std::set<Id> met_blobs_, met_trees_;
};

}  // namespace varve::files
