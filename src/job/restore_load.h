#pragma once

#include <functional>
#include <vector>

#include "base/reporter.h"
#include "bson/digest.h"
#include "job/compare_documents.h"
#include "job/restore_progress.h"

namespace varve::job {

/// What was sent to one collection of the target.
struct Loaded {
  bson::Digest as_stored;  ///< as the server will hold it
  /// Documents whose `_id` was there already: on the target, in a merge; else in the backup of a standalone, which
  /// holds a document twice that was rewritten while it was read.
  uint64_t refused = 0;
  /// Documents that no server takes, by `_id` and size: not sent, and not in `as_stored`.
  std::vector<std::string> too_large;
  std::optional<OrderHash> order;  ///< of a capped collection
};

/// Inserts the documents of every item with data; `options.writers` at once, a large collection
/// by several. Capped collections by one, in order. What an interrupted restore has loaded is read for its digest, and
/// not sent again; what it has verified is not read. What is too large for any server is left out and told of.
/// `complete` is called once for each of these items, on a writer's thread, when the target has taken all of its
/// documents; those with the most work left for their indexes come first. kCorrupt if what the backup gives is not what
/// its manifest says.
Result<std::vector<Loaded>> load_collections(BackupMoment& moment, const RestorePlan& plan,
                                             const RestoreOptions& options, RestoreProgress& progress,
                                             const std::function<void(size_t item)>& complete, Reporter& reporter,
                                             const Cancel& cancel);

}  // namespace varve::job
