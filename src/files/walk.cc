#include "files/walk.h"

#include "repo/walk_trees.h"

namespace varve::files {

namespace {

using repo::Node;

class Walk {
 public:
  Walk(repo::Repository& repository, WalkVisitor& visitor, const Cancel& cancel)
      : repository_(repository), visitor_(visitor), cancel_(cancel) {}

  Status run(const Id& top, const std::string& path) {
    if (path != "/") path_ = path;
    TRY(descend(top));
    while (!stack_.empty()) {
      TRY(cancel_.check());
      auto& level = stack_.back();
      if (level.next == level.nodes.size()) {
        TRY(ascend());
        continue;
      }
      const Node& node = level.nodes[level.next++];
      path_.resize(level.path_size);
      path_ += "/" + node.name;
      TRY_ASSIGN(const bool below, visitor_.enter({path_, node, level.tree}));
      if (below && node.type == repo::NodeType::kDir) TRY(descend(*node.subtree));
    }
    return {};
  }

 private:
  struct Level {
    Id tree;
    size_t path_size;  ///< of the folder's own path
    bool readable = true;
    std::vector<Node> nodes{};
    size_t next = 0;
  };

  Status descend(const Id& tree) {
    Level level{.tree = tree, .path_size = path_.size()};
    auto nodes = repository_.load_tree(tree, cancel_);
    level.readable = nodes.has_value();
    if (nodes) {
      level.nodes = std::move(*nodes);
    } else {
      if (!repo::is_damage(nodes.error())) return fail(nodes.error());
      TRY(visitor_.unreadable(path_.empty() ? "/" : path_, tree, nodes.error()));
    }
    stack_.push_back(std::move(level));
    return {};
  }

  Status ascend() {
    const Level level = std::move(stack_.back());
    stack_.pop_back();
    const auto* entries = level.readable ? &level.nodes : nullptr;
    if (stack_.empty()) return visitor_.leave_top(entries);
    path_.resize(level.path_size);
    const auto& parent = stack_.back();
    return visitor_.leave({path_, parent.nodes[parent.next - 1], parent.tree}, entries);
  }

  repo::Repository& repository_;
  WalkVisitor& visitor_;
  const Cancel& cancel_;
  std::string path_;
  std::vector<Level> stack_;
};

}  // namespace

Status walk(repo::Repository& repository, const Id& tree, const std::string& path, WalkVisitor& visitor,
            const Cancel& cancel) {
  return Walk(repository, visitor, cancel).run(tree, path);
}

}  // namespace varve::files
