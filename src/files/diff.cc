#include "files/diff.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "repo/index.h"
#include "repo/pack.h"
#include "repo/walk_trees.h"

namespace varve::files {

namespace {

using repo::BlobType;
using repo::Node;
using repo::NodeType;

/// Blobs that are on one side of the comparison.
class BlobSides {
 public:
  enum Side : uint8_t { kBefore = 1, kAfter = 2, kBoth = 3 };

  void add(Side side, BlobType type, const Id& id) { sides_[static_cast<size_t>(type)][id] |= side; }
  void add(Side side, const Node& node) {
    for (const Id& id : node.content) add(side, BlobType::kData, id);
    if (node.type == NodeType::kDir) add(side, BlobType::kTree, *node.subtree);
  }
  /// It is elsewhere on both sides too.
  void settle(BlobType type, const Id& id) {
    auto& sides = sides_[static_cast<size_t>(type)];
    if (const auto found = sides.find(id); found != sides.end()) found->second = kBoth;
  }
  bool any_one_sided() const {
    return std::ranges::any_of(sides_, [](const auto& sides) {
      return std::ranges::any_of(sides, [](const auto& entry) { return entry.second != kBoth; });
    });
  }
  template <typename Visit>
  void for_each_one_sided(Visit&& visit) const {
    for (const auto type : {BlobType::kData, BlobType::kTree}) {
      for (const auto& [id, side] : sides_[static_cast<size_t>(type)]) {
        if (side != kBoth) visit(static_cast<Side>(side), type, id);
      }
    }
  }

 private:
  std::array<std::unordered_map<Id, uint8_t>, 2> sides_;
};

bool same_metadata(const Node& a, const Node& b) {
  auto attributes_a = a.extended_attributes, attributes_b = b.extended_attributes;
  std::ranges::sort(attributes_a);
  std::ranges::sort(attributes_b);
  return std::tie(a.type, a.mode, a.mtime, a.atime, a.ctime, a.uid, a.gid, a.user, a.group, a.inode, a.device_id,
                  a.size, a.links, a.link_target, a.device, a.generic_attributes, a.error) ==
             std::tie(b.type, b.mode, b.mtime, b.atime, b.ctime, b.uid, b.gid, b.user, b.group, b.inode, b.device_id,
                      b.size, b.links, b.link_target, b.device, b.generic_attributes, b.error) &&
         attributes_a == attributes_b;
}

void count(DiffSide& side, const Node& node) {
  ++(node.type == NodeType::kFile ? side.files : node.type == NodeType::kDir ? side.folders : side.others);
}

class Comparison {
 public:
  Comparison(repo::Repository& repository, const DiffOptions& options, const DiffListener& listener,
             const Cancel& cancel)
      : repository_(repository), options_(options), listener_(listener), cancel_(cancel) {}

  Result<DiffResult> run(const Id& before, const Id& after) {
    blobs_.add(BlobSides::kBefore, BlobType::kTree, before);
    blobs_.add(BlobSides::kAfter, BlobType::kTree, after);
    if (before != after) todo_.push_back({Task::kCompare, path_.size(), before, after});
    while (!todo_.empty()) {
      TRY(cancel_.check());
      Task task = std::move(todo_.back());
      todo_.pop_back();
      TRY(task.kind == Task::kEntries ? next_entry(std::move(task)) : open(task));
    }
    TRY(settle_common());
    TRY(add_up());
    return result_;
  }

 private:
  /// What is done at a place. Told in the order of the paths, so a stack: what belongs below an entry comes before the
  /// entry after it.
  struct Task {
    enum Kind : uint8_t { kCompare, kRemoved, kAdded, kEntries } kind;
    size_t path_size;  ///< so much of path_ is that of the place: deeper ones only add to it
    Id before{}, after{};
    std::vector<std::pair<std::optional<Node>, std::optional<Node>>> entries{};  ///< the next one last
  };

  Status open(const Task& task) {
    std::vector<Node> before, after;
    auto read = task.kind == Task::kAdded ? Status() : load(task.before, before);
    if (read && task.kind != Task::kRemoved) read = load(task.after, after);
    if (!read) {
      if (!repo::is_damage(read.error())) return read;
      ++result_.errors;
      listener_.problem(path_, read.error());
      return {};
    }
    Task next{Task::kEntries, task.path_size, {}, {}, paired(std::move(before), std::move(after))};
    std::ranges::reverse(next.entries);
    todo_.push_back(std::move(next));
    return {};
  }

  Status load(const Id& tree, std::vector<Node>& nodes) {
    TRY_ASSIGN(nodes, repository_.load_tree(tree, cancel_));
    std::ranges::stable_sort(nodes, {}, &Node::name);  // old trees need not be sorted
    return {};
  }

  static std::vector<std::pair<std::optional<Node>, std::optional<Node>>> paired(std::vector<Node> before,
                                                                                 std::vector<Node> after) {
    std::vector<std::pair<std::optional<Node>, std::optional<Node>>> pairs;
    auto b = before.begin(), a = after.begin();
    while (b != before.end() || a != after.end()) {
      const bool take_before = b != before.end() && (a == after.end() || b->name <= a->name);
      const bool take_after = a != after.end() && (b == before.end() || a->name <= b->name);
      auto& pair = pairs.emplace_back();
      if (take_before) pair.first = std::move(*b++);
      if (take_after) pair.second = std::move(*a++);
    }
    return pairs;
  }

  /// One entry, then what it leaves to be done below it, then the rest.
  Status next_entry(Task task) {
    if (task.entries.empty()) return {};
    const auto [before, after] = std::move(task.entries.back());
    task.entries.pop_back();
    path_.resize(task.path_size);
    todo_.push_back(std::move(task));
    if (before) blobs_.add(BlobSides::kBefore, *before);
    if (after) blobs_.add(BlobSides::kAfter, *after);
    if (before && after) {
      both(*before, *after);
    } else if (before) {
      one(*before, Task::kRemoved, result_.removed);
    } else {
      one(*after, Task::kAdded, result_.added);
    }
    return {};
  }

  /// From the folder that holds it.
  void go_to(const Node& node) {
    path_ += node.name;
    if (node.type == NodeType::kDir) path_ += '/';
  }

  void one(const Node& node, Task::Kind kind, DiffSide& side) {
    go_to(node);
    listener_.change(kind == Task::kAdded ? "+" : "-", path_);
    count(side, node);
    if (node.type == NodeType::kDir) todo_.push_back({kind, path_.size(), *node.subtree, *node.subtree});
  }

  void both(const Node& before, const Node& after) {
    go_to(after);
    std::string marks = before.type != after.type ? "T" : "";
    const bool files = before.type == NodeType::kFile && after.type == NodeType::kFile;
    if (files && before.content != after.content) {
      marks += "M";
      ++result_.changed_files;
      if (same_metadata(before, after)) marks += "?";
    } else if (options_.metadata &&
               !(same_metadata(before, after) && before.content == after.content && before.subtree == after.subtree)) {
      marks += "U";
    }
    if (!marks.empty()) listener_.change(marks, path_);
    if (before.type != NodeType::kDir || after.type != NodeType::kDir) return;
    if (*before.subtree == *after.subtree) {
      common_.push_back(*before.subtree);
    } else {
      todo_.push_back({Task::kCompare, path_.size(), *before.subtree, *after.subtree});
    }
  }

  /// Blobs of one side only may be used in what both sides share: then they are neither added nor removed.
  Status settle_common() {
    if (!blobs_.any_one_sided()) return {};
    std::mutex mutex;
    const auto visit = [&](const Id& id, const Result<std::vector<Node>>& nodes) -> Status {
      std::lock_guard lock(mutex);
      blobs_.settle(BlobType::kTree, id);
      if (!nodes) {
        ++result_.errors;
        listener_.problem("tree " + id.short_hex(), nodes.error());
        return {};
      }
      for (const auto& node : *nodes) {
        for (const Id& blob : node.content) blobs_.settle(BlobType::kData, blob);
      }
      return {};
    };
    return repo::walk_trees(repository_, common_, visit, cancel_);
  }

  Status add_up() {
    blobs_.for_each_one_sided([&](BlobSides::Side side, BlobType type, const Id& id) {
      auto& sums = side == BlobSides::kBefore ? result_.removed : result_.added;
      ++(type == BlobType::kData ? sums.data_blobs : sums.tree_blobs);
      const auto places = repository_.index().find(type, id);
      const auto length = places.empty() ? Result<uint32_t>(fail(ErrorKind::kNotFound, "it is in no pack"))
                                         : repo::plain_length(places.front());
      if (length) {
        sums.bytes += *length;
      } else {
        ++result_.errors;
        listener_.problem("blob " + id.short_hex(), length.error());
      }
    });
    return {};
  }

  repo::Repository& repository_;
  const DiffOptions& options_;
  const DiffListener& listener_;
  const Cancel& cancel_;
  std::string path_ = "/";  ///< where it is; of a folder with the slash behind it
  std::vector<Task> todo_;
  std::vector<Id> common_;
  BlobSides blobs_;
  DiffResult result_;
};

}  // namespace

Result<DiffResult> diff(repo::Repository& repository, const Id& before, const Id& after, const DiffOptions& options,
                        const DiffListener& listener, const Cancel& cancel) {
  return Comparison(repository, options, listener, cancel).run(before, after);
}

}  // namespace varve::files
