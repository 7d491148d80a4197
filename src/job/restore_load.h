#pragma once

#include <vector>

#include "base/reporter.h"
#include "bson/digest.h"
#include "job/compare_documents.h"
#include "job/restore.h"

namespace varve::job {

/// What was sent to one collection of the target.
struct Loaded {
  bson::Digest as_stored;  ///< as the server will hold it
  uint64_t met_twice = 0;  ///< documents that the backup of a standalone holds twice: rewritten while they were read
  std::optional<OrderHash> order;  ///< of a capped collection
};

/// Inserts the documents of every item with data, in the plan's order of items; `writers` at once, a large collection
/// by several. Capped collections by one, in order. kCorrupt if what the backup gives is not what its manifest says.
Result<std::vector<Loaded>> load_collections(BackupMoment& moment, const RestorePlan& plan, const mongo::Uri& to,
                                             unsigned writers, Reporter& reporter, const Cancel& cancel);

}  // namespace varve::job
