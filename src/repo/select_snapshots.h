#pragma once

#include <string>
#include <vector>

#include "repo/repository.h"

namespace varve::repo {

/// The snapshots that a command is about, as restic understands its words. `names` are ids, beginnings of ids or
/// "latest", each snapshot given once and in their order; without names, all that the filter takes, oldest first.
/// kNotFound or kInvalidInput for a name that is not one snapshot, and for a filter beside ids, on which it would have
/// no bearing.
Result<std::vector<Snapshot>> select_snapshots(Repository& repository, const std::vector<std::string>& names,
                                               const SnapshotFilter& filter, const Cancel& cancel);

}  // namespace varve::repo
