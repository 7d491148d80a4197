#pragma once

#include "base/reporter.h"
#include "repo/index_rows.h"

namespace varve::maintenance {

/// A byte for each row of an index: 1 for the first copy of every blob that the trees below `roots` need, trees
/// included. kCorrupt if one of them is in no index, or if a tree cannot be read: what is needed is not known then.
Result<std::vector<uint8_t>> mark_used(repo::Repository& repository, const repo::IndexRows& rows,
                                       const std::vector<Id>& roots, Reporter& reporter, const Cancel& cancel);

}  // namespace varve::maintenance
