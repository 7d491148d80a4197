#pragma once

#include <functional>
#include <string>
#include <vector>

#include "repo/repository.h"

namespace varve::files {

/// One entry as a walk meets it.
struct Entry {
  const std::string& path;  ///< "/home/anna/notes"
  const repo::Node& node;
  const Id& tree;  ///< the one that it stands in
};

/// What is done on a walk. An error that one of these gives ends it.
class WalkVisitor {
 public:
  virtual ~WalkVisitor() = default;
  /// Of a folder: whether to go on below it.
  virtual Result<bool> enter(const Entry& entry) = 0;
  /// Nothing more comes of this folder. `entries` is all that stands in it, null if its tree cannot be read. Not called
  /// for a folder that `enter` declined.
  virtual Status leave(const Entry& folder, const std::vector<repo::Node>* entries) = 0;
  /// The same for the top of the walk, which is no entry of anything.
  virtual Status leave_top(const std::vector<repo::Node>*) { return {}; }
  /// The tree of a folder is damaged or missing: nothing of it is visited.
  virtual Status unreadable(const std::string& path, const Id& tree, const Error& error) = 0;
};

/// Walks what lies below a tree, folders before their entries, entries in the order of the tree. `path` is
/// that of the top, "/" usually. Holds one tree for each folder on the way down and no more.
Status walk(repo::Repository& repository, const Id& tree, const std::string& path, WalkVisitor& visitor,
            const Cancel& cancel);

}  // namespace varve::files
