#include "repo/select_snapshots.h"

#include <algorithm>

namespace varve::repo {

Result<std::vector<Snapshot>> select_snapshots(Repository& repository, const std::vector<std::string>& names,
                                               const SnapshotFilter& filter, const Cancel& cancel) {
  if (names.empty()) {
    TRY_ASSIGN(auto all, repository.snapshots(cancel));
    std::erase_if(all, [&](const Snapshot& snapshot) { return !matches(filter, snapshot); });
    return all;
  }
  if (!filter.empty() && std::find(names.begin(), names.end(), "latest") == names.end()) {
    return fail(Error(ErrorKind::kInvalidInput,
                      "snapshots were named, so selecting those" + describe(filter) + " changes nothing")
                    .hint("give ids, or --host, --path and --tag, or \"latest\" with these"));
  }
  std::vector<Snapshot> selected;
  for (const auto& name : names) {
    TRY_ASSIGN(auto found, repository.find_snapshot(name, filter, cancel));
    const auto same = [&](const Snapshot& snapshot) { return snapshot.id == found.id; };
    if (std::none_of(selected.begin(), selected.end(), same)) selected.push_back(std::move(found));
  }
  return selected;
}

}  // namespace varve::repo
