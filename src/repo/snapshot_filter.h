#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "repo/snapshot.h"

namespace varve::repo {

using TagList = std::vector<std::string>;

/// Which snapshots a command is about, as restic selects them; empty fields select all.
struct SnapshotFilter {
  std::vector<std::string> hosts;  ///< one of them
  std::vector<std::string> paths;  ///< every one of them
  std::vector<TagList> tag_lists;  ///< every tag of one of the lists; an empty list selects what has no tags

  bool empty() const { return hosts.empty() && paths.empty() && tag_lists.empty(); }
};

bool matches(const SnapshotFilter& filter, const Snapshot& snapshot);
/// Whether "latest" can mean it. An oplog archive is a snapshot too, but nobody who asks for the latest backup means
/// it, unless by its tag.
bool may_be_latest(const SnapshotFilter& filter, const Snapshot& snapshot);
/// Every tag of one of the lists; true if there are no lists.
bool has_tags(const Snapshot& snapshot, const std::vector<TagList>& lists);
/// "a,b" is a list of two tags, "" the list of none.
TagList split_tags(std::string_view text);
/// " with host a, path /b", or nothing.
std::string describe(const SnapshotFilter& filter);

}  // namespace varve::repo
