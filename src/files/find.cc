#include "files/find.h"

#include <algorithm>

#include "codec/sha256.h"

namespace varve::files {

namespace {

using repo::Node;
using repo::NodeType;

// Of what holds nothing, so much is remembered: some 60 MB.
constexpr size_t kMaxBarren = 1u << 20;

Id place_of(const std::string& path, const Id& tree) {
  Bytes place = to_bytes(tree.bytes);
  append(place, as_bytes(path));
  return codec::sha256(place);
}

/// Keeps track of which folders on the way down have shown nothing so far.
class BarrenFolders {
 public:
  explicit BarrenFolders(std::unordered_set<Id>& barren) : barren_(barren) {}

  void enter(const Id& place) { levels_.push_back({place, true}); }
  /// Something was found below, or it is not known.
  void spoil() {
    for (auto level = levels_.rbegin(); level != levels_.rend() && level->barren; ++level) level->barren = false;
  }
  void leave() {
    if (levels_.back().barren && barren_.size() < kMaxBarren) barren_.insert(levels_.back().place);
    levels_.pop_back();
  }
  bool knows(const Id& place) const { return barren_.contains(place); }

 private:
  struct Level {
    Id place;
    bool barren;
  };
  std::unordered_set<Id>& barren_;
  std::vector<Level> levels_;
};

/// Passes over folders that have shown nothing before. What cannot be read may hold anything.
class SearchVisitor : public WalkVisitor {
 public:
  SearchVisitor(std::unordered_set<Id>& barren, const NameSearch::Unreadable& unreadable)
      : barren_(barren), unreadable_(unreadable) {}

  Status leave(const Entry&, const std::vector<Node>*) final {
    barren_.leave();
    return {};
  }

  Status unreadable(const std::string& path, const Id& tree, const Error& error) final {
    barren_.spoil();
    unreadable_(path, tree, error);
    return {};
  }

 protected:
  /// Whether to go into a folder.
  bool may_hold_something(const Id& place) {
    if (barren_.knows(place)) return false;
    barren_.enter(place);
    return true;
  }

  BarrenFolders barren_;

 private:
  const NameSearch::Unreadable& unreadable_;
};

bool begins_one_of(const std::vector<std::string>& beginnings, const Id& id) {
  if (beginnings.empty()) return false;
  const std::string hex = id.hex();
  return std::ranges::any_of(beginnings, [&](const auto& beginning) { return hex.starts_with(beginning); });
}

}  // namespace

class NameSearch::Visitor final : public SearchVisitor {
 public:
  Visitor(NameSearch& search, const Found& found, const Unreadable& unreadable)
      : SearchVisitor(search.barren_, unreadable), query_(search.query_), found_(found) {}

  Result<bool> enter(const Entry& entry) override {
    const auto& node = entry.node;
    const bool in_time =
        (!query_.oldest || node.mtime >= *query_.oldest) && (!query_.newest || node.mtime <= *query_.newest);
    if (in_time && query_.patterns.matches(entry.path)) {
      barren_.spoil();
      TRY(found_(entry));
    }
    if (node.type != NodeType::kDir || !query_.patterns.may_match_below(entry.path)) return false;
    return may_hold_something(place_of(entry.path, *node.subtree));
  }

 private:
  const Query& query_;
  const Found& found_;
};

Status NameSearch::run(repo::Repository& repository, const Id& tree, const Found& found, const Unreadable& unreadable,
                       const Cancel& cancel) {
  Visitor visitor(*this, found, unreadable);
  return walk(repository, tree, "/", visitor, cancel);
}

class IdSearch::Visitor final : public SearchVisitor {
 public:
  Visitor(IdSearch& search, const Found& found, const NameSearch::Unreadable& unreadable)
      : SearchVisitor(search.barren_, unreadable), search_(search), found_(found) {}

  Result<bool> enter(const Entry& entry) override {
    const auto& node = entry.node;
    if (node.type == NodeType::kFile) TRY(look_into(entry));
    if (node.type != NodeType::kDir) return false;
    TRY(tree(*node.subtree, entry.path));
    return may_hold_something(*node.subtree);
  }

  Status tree(const Id& id, const std::string& path) {
    if (!search_.wants_tree(id)) return {};
    barren_.spoil();
    search_.met_trees_.insert(id);
    return found_({true, id, path, {}});
  }

 private:
  Status look_into(const Entry& entry) {
    for (const Id& id : entry.node.content) {
      if (!search_.wants_blob(id)) continue;
      barren_.spoil();
      search_.met_blobs_.insert(id);
      TRY(found_({false, id, entry.path, entry.tree}));
    }
    return {};
  }

  IdSearch& search_;
  const Found& found_;
};

bool IdSearch::wants_blob(const Id& id) const {
  return exact_blobs.contains(id) || begins_one_of(blobs, id);
}

bool IdSearch::wants_tree(const Id& id) const {
  return exact_trees.contains(id) || begins_one_of(trees, id);
}

Status IdSearch::run(repo::Repository& repository, const Id& tree, const Found& found,
                     const NameSearch::Unreadable& unreadable, const Cancel& cancel) {
  Visitor visitor(*this, found, unreadable);
  TRY(visitor.tree(tree, "/"));
  return walk(repository, tree, "/", visitor, cancel);
}

}  // namespace varve::files
