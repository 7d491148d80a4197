#pragma once

#include <functional>
#include <vector>

#include "repo/repository.h"

namespace varve::repo {

/// Gets a tree, or why it cannot be had (damaged or missing). Thread-safe. An error that it gives ends the walk.
using VisitTree = std::function<Status(const Id& tree, const Result<std::vector<Node>>& nodes)>;

/// True for a tree that need not be visited, nor what lies below it. Thread-safe.
using IsKnownTree = std::function<bool(const Id& tree)>;

/// Visits every tree that can be reached from `roots`, each once, in no order, on several threads. A storage that does
/// not answer ends it with that error. The index must be loaded. Memory: 32 bytes and a little for each tree, and two
/// trees a thread.
Status walk_trees(Repository& repository, const std::vector<Id>& roots, const VisitTree& visit, const Cancel& cancel,
                  const IsKnownTree& is_known = {});

/// Bytes that are wrong or missing, as against a storage that does not answer.
inline bool is_damage(const Error& error) {
  return error.kind() == ErrorKind::kCorrupt || error.kind() == ErrorKind::kNotFound ||
         error.kind() == ErrorKind::kUnsupported;
}

}  // namespace varve::repo
