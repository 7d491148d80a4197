#include "repo/select_snapshots.h"

#include <algorithm>

#include "repo/snapshot_files.h"

namespace varve::repo {

Result<std::vector<Snapshot>> select_snapshots(Repository& repository, const std::vector<std::string>& names,
                                               const SnapshotFilter& filter, const Cancel& cancel) {
  TRY_ASSIGN(auto all, read_snapshot_files(repository, cancel));
  // One that cannot be read may be meant, unless all that are meant are named by their ids.
  if (names.empty() || std::any_of(names.begin(), names.end(), is_latest)) TRY(refuse_unreadable(all));
  TRY_ASSIGN(auto chosen, select_snapshot_files(std::move(all), names, filter));
  return contents_of(std::move(chosen));
}

}  // namespace varve::repo
