#pragma once

#include <mutex>

#include "job/restore.h"
#include "mongo/connection.h"

namespace varve::job {

/// What unfinished restores have left on a server; nothing where the login may not read it.
Result<std::vector<Unfinished>> unfinished_restores(mongo::Connection& connection, const Cancel& cancel);

/// Keeps on the target how far a restore has come, one small document a collection (docs/specs/restore-state.md).
/// Whatever is noted must have been confirmed by the server before the call. Notes are written together, after about 32
/// MiB of documents or on flush(), journalled and with the restore's write concern; what was noted and not written is
/// done once more by the next run. Thread-safe: each thread passes its own connection.
class RestoreProgress {
 public:
  /// The plan must outlive it.
  RestoreProgress(const RestorePlan& plan, std::string write_concern);

  /// Before the first write: what is going to be done. Removes what earlier restores have left of the same
  /// collections, their temporary ones too, unless this one goes on with it.
  Status begin(mongo::Connection& connection, const Cancel& cancel);
  /// Everything is created: learns the UUIDs, by which a collection is known again.
  Status created(mongo::Connection& connection, const Cancel& cancel);
  /// What these blobs of an item's file hold is on the target.
  Status loaded_part(mongo::Connection& connection, size_t item, uint64_t first, uint64_t last, uint64_t bytes,
                     const Cancel& cancel);
  void loaded(size_t item);
  /// `too_large`: of the documents that were left out a sentence each, which whoever goes on will tell too.
  void verified(size_t item, const bson::Digest& documents, const std::vector<std::string>& too_large);
  /// Returns once everything noted is durable. kInconsistent if the target has elected another primary, which may lack
  /// what was noted.
  Status flush(mongo::Connection& connection, const Cancel& cancel);
  /// The restore is complete: nothing of it stays, and no empty database.
  Status end(mongo::Connection& connection, const Cancel& cancel);

 private:
  Status remove_left_over(mongo::Connection& connection, const Cancel& cancel);
  static Status drop_temporary(mongo::Connection& connection, const CollectionState& state, const Bytes& uuid,
                               const Cancel& cancel);
  Status write_dirty(mongo::Connection& connection, const Cancel& cancel);

  const RestorePlan& plan_;
  const std::string write_concern_;
  std::mutex mutex_;                     // guards what follows
  std::vector<CollectionState> states_;  // of the plan's items
  std::vector<char> dirty_;
  bool begun_ = false;  // the run's own document is there
  uint64_t bytes_ = 0;  // loaded and not written down
};

}  // namespace varve::job
