#pragma once

#include "maintenance/group.h"
#include "maintenance/policy.h"
#include "repo/repository.h"

namespace varve::maintenance {

/// What a policy means for one group of snapshots.
struct ForgetGroup {
  SnapshotGroup group;  ///< without its snapshots, which are in the decision
  Decision decision;
};

struct ForgetOptions {
  Policy policy;
  GroupBy group_by;
  bool narrowed = false;    ///< the snapshots were selected by host, path or tag
  bool remove_all = false;  ///< an empty policy removes what was selected
};

/// Decides; nothing is removed. kInvalidInput for a policy that says nothing, or that keeps nothing of a group.
Result<std::vector<ForgetGroup>> plan_forget(std::vector<repo::Snapshot> selected, const ForgetOptions& options,
                                             Time now);

struct Forgotten {
  std::vector<Id> removed;
  std::vector<std::pair<Id, Error>> failed;  ///< these are still there
};
/// Removes the files of snapshots; their data stays until the next prune. Needs an exclusive lock. One that cannot be
/// removed does not keep the others from it.
Result<Forgotten> remove_snapshots(repo::Repository& repository, const std::vector<Id>& snapshots,
                                   const Cancel& cancel);

}  // namespace varve::maintenance
