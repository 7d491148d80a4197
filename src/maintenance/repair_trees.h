#pragma once

#include <unordered_map>

#include "maintenance/raw_node.h"
#include "maintenance/repair_snapshots.h"
#include "repo/writer.h"

namespace varve::maintenance {

/// Makes of trees with something missing trees without it. Remembers what it did, so that a tree that many snapshots
/// share is repaired once. One thread at a time. No recursion: folders may be nested as deeply as they like.
class TreeRepair {
 public:
  /// Without a writer nothing is saved: the ids are those that it would get.
  TreeRepair(repo::Repository& repository, repo::Writer* writer) : repository_(repository), writer_(writer) {}

  /// The id of the repaired tree, `root` itself if nothing is missing; what was changed is added to `snapshot`.
  /// kCorrupt or kNotFound if the root itself cannot be read.
  Result<Id> repair(const Id& root, RepairedSnapshot& snapshot, const Cancel& cancel);

 private:
  using Kind = SnapshotChange::Kind;
  /// A tree that is being repaired.
  struct Folder {
    Id id;
    std::string name;
    std::vector<std::string> entries;  ///< those that stay, as they will be, in front
    size_t kept = 0;                   ///< how many these are
    size_t next = 0;                   ///< the first not looked at yet
    std::optional<RawNode> waiting;    ///< the folder at `next`, while it is being repaired
    bool changed = false;
  };
  struct Done {
    Id tree;
    Id snapshot;      ///< in which it was repaired
    std::string why;  ///< it cannot be read: that is why it is empty now
  };

  Result<std::optional<Id>> begin(const Id& tree, std::string name, const Cancel& cancel);
  Status step(const Cancel& cancel);
  Status enter(RawNode node, const Cancel& cancel);
  void leave_out(const std::string& name, std::string why);
  void keep();
  void end_round();
  void leave_out_unusable();
  void repair_file(RawNode& node);
  void take_subtree(const Id& tree);
  Result<Id> finish(Folder folder, const Cancel& cancel);
  Result<Id> save(const std::vector<std::string>& entries, const Cancel& cancel);
  void note(Kind kind, const std::string& name, SnapshotChange change = {});
  std::string path_of(const std::string& name) const;

  repo::Repository& repository_;
  repo::Writer* const writer_;
  std::unordered_map<Id, Done> done_;
  std::vector<Folder> open_;
  RepairedSnapshot* snapshot_ = nullptr;
};

}  // namespace varve::maintenance
