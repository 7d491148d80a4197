#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "repo/snapshot.h"

namespace varve::maintenance {

/// What snapshots must have in common to stand in one group.
struct GroupBy {
  bool host = true, paths = true, tags = false;

  bool any() const { return host || paths || tags; }
};
/// "host,paths,tags" or some of them, also in the singular or plural; "" for one group of all. kInvalidInput.
Result<GroupBy> parse_group_by(std::string_view text);

/// Snapshots that belong together, newest first. What they are not grouped by is empty.
struct SnapshotGroup {
  std::string host;
  std::vector<std::string> paths, tags;  ///< sorted
  std::vector<repo::Snapshot> snapshots;
};
/// The groups in the order of host, paths and tags. Of two snapshots of the same time the one with the lower id counts
/// as the newer, so that a repeated run decides the same.
std::vector<SnapshotGroup> group_snapshots(std::vector<repo::Snapshot> snapshots, const GroupBy& by);
/// "host shop, paths /srv and /home, tag daily", or "all snapshots".
std::string describe(const SnapshotGroup& group);

}  // namespace varve::maintenance
