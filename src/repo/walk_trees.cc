#include "repo/walk_trees.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <unordered_set>

#include "base/task_group.h"
#include "repo/shared_reader.h"

namespace varve::repo {

namespace {

/// The trees still to be visited, depth first so that they stay few.
class Todo {
 public:
  Todo(const std::vector<Id>& roots, const IsKnownTree& is_known) : is_known_(is_known) {
    for (auto root = roots.rbegin(); root != roots.rend(); ++root) add_locked(*root);
  }

  /// The next tree, once there is one; nothing when all are done.
  std::optional<Id> take(const Cancel& cancel) {
    std::unique_lock lock(mutex_);
    const bool ready = changed_.wait(lock, cancel.token(), [&] { return !stack_.empty() || busy_ == 0; });
    if (!ready || stack_.empty()) return std::nullopt;
    const Id id = stack_.back();
    stack_.pop_back();
    ++busy_;
    return id;
  }

  /// A tree that was taken is done; these lie below it.
  void finish(const std::vector<Id>& below) {
    std::lock_guard lock(mutex_);
    for (auto id = below.rbegin(); id != below.rend(); ++id) add_locked(*id);
    --busy_;
    changed_.notify_all();
  }

 private:
  void add_locked(const Id& id) {
    if (is_known_ && is_known_(id)) return;
    if (seen_.insert(id).second) stack_.push_back(id);
  }

  const IsKnownTree& is_known_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Id> stack_;
  std::unordered_set<Id> seen_;
  size_t busy_ = 0;
};

Status visit_one(Repository& repository, const Id& id, Todo& todo, const VisitTree& visit, const Cancel& cancel) {
  const auto nodes = repository.load_tree(id, cancel);
  if (!nodes && !is_damage(nodes.error())) return fail(nodes.error());
  TRY(visit(id, nodes));
  std::vector<Id> below;
  if (nodes) {
    for (const auto& node : *nodes) {
      if (node.subtree) below.push_back(*node.subtree);
    }
  }
  todo.finish(below);
  return {};
}

}  // namespace

Status walk_trees(Repository& repository, const std::vector<Id>& roots, const VisitTree& visit, const Cancel& cancel,
                  const IsKnownTree& is_known) {
  Todo todo(roots, is_known);
  TaskGroup group(cancel);
  const unsigned threads = reading_threads(repository.storage());
  for (unsigned t = 0; t < threads; ++t) {
    group.spawn([&](const Cancel& inner) -> Status {
      while (const auto id = todo.take(inner)) TRY(visit_one(repository, *id, todo, visit, inner));
      return inner.check();
    });
  }
  return group.wait();
}

}  // namespace varve::repo
