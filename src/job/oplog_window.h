#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "job/document_file.h"
#include "job/oplog_filter.h"
#include "mongo/catalog.h"
#include "mongo/oplog.h"
#include "mongo/topology.h"

namespace varve::job {

/// The oplog of a backup's window, tailed from before the catalog is listed until the last read has ended, so that a
/// rollover or an entry that is not understood ends the run at once (RULES 2). Used in this order: open, list, start,
/// follow (on a thread of its own), finish.
class OplogWindow {
 public:
  static Result<std::unique_ptr<OplogWindow>> open(const mongo::Source& source, const Cancel& cancel);

  /// The oplog is kept from here: the majority point at open, or the start of the oldest transaction open then.
  bson::Timestamp start() const { return start_; }
  /// The majority point at open. Documents are read after it.
  bson::Timestamp majority() const { return majority_; }

  /// Reads on until `listed`, the time at which the catalog had been listed; false if the catalog changed after
  /// majority(), so that the listing may mix two states.
  Result<bool> catalog_was_quiet(bson::Timestamp listed, const Cancel& cancel);

  /// From now on entries go through `filter` into `file`; those held back first. Both outlive the window.
  Status start(OplogFilter& filter, DocumentFile& file);
  /// Tails until `end` was called and everything up to the end is stored. The body of a thread.
  Status follow(const Cancel& cancel);
  /// Fixes the end of the window: `at_least`, or the newest entry taken if that is later. Gives it. Call once all reads
  /// ended.
  bson::Timestamp end(bson::Timestamp at_least);

  uint64_t entries() const { return entries_; }

 private:
  OplogWindow(mongo::Connection connection, mongo::OplogTail tail, bson::Timestamp start, bson::Timestamp majority);
  Status store(ByteView entry);

  mongo::Connection connection_;
  mongo::OplogTail tail_;
  const bson::Timestamp start_, majority_;
  std::vector<Bytes> held_;  // entries met before the catalog was known
  OplogFilter* filter_ = nullptr;
  DocumentFile* file_ = nullptr;
  Bytes scratch_;
  uint64_t entries_ = 0;

  std::mutex mutex_;  // guards the two below
  bson::Timestamp taken_;
  std::optional<bson::Timestamp> end_;
};

}  // namespace varve::job
