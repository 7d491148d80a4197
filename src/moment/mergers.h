#pragma once

#include <memory>
#include <string>

#include "moment/changes.h"
#include "moment/merge.h"

namespace varve::moment {

/// What a merger needs to know of its collection.
struct MergePlan {
  std::string name;   ///< for messages
  bool base = false;  ///< there are documents of the base
  uint64_t memory = 0;
  const KeyHash* hash = nullptr;
  std::shared_ptr<Spill> spill;
  // Of a capped collection.
  bool ordered = false;
  bool evicts = false;  ///< what it may not hold any more is to be worked out
  uint64_t most_bytes = 0;
  uint64_t most_documents = 0;  ///< zero: any number
};

/// One pass over the base for each part of the key space; nothing is held back.
std::unique_ptr<Merge> merge_by_key(MergePlan plan, std::unique_ptr<Changes> changes);
/// For a capped collection: documents of the base in their order, then those inserted since in theirs, without those
/// that are evicted. What has to wait until all is known waits in memory and in the spill file.
///
/// A server that does not log evictions holds what this gives if it only applied the oplog, as secondaries do. A
/// primary may hold fewer of the oldest: an insert that failed there has evicted for its room all the same.
std::unique_ptr<Merge> merge_in_order(MergePlan plan, std::unique_ptr<Changes> changes);

}  // namespace varve::moment
