#pragma once

#include "job/oplog_window.h"
#include "job/read_collections.h"

namespace varve::job {

/// What the reading of a replica set's member has come to.
struct SetReading {
  bson::Timestamp moment;
  /// The time at which documents were read; zero if all of them were read as they came.
  bson::Timestamp read_at;
  bool fell_back = false;  ///< some could not be read then, so the moment is the end of reading
};

/// How a set is read whose catalog was listed at `listed` after the window had been opened.
struct SetToRead {
  MemberConnection& connection;
  bson::Timestamp listed;
  bool at_one_time = false;
};

/// Reads the documents of all collections while the window, which has been started, is followed to its end. RULES 1
/// to 3: at one time, first come capped collections, which cannot be read so; then a time at or after the majority
/// point is chosen, at which all else is read, and that is the moment. If something could not be had as of that time,
/// or if all is read as it comes, the moment is the end of reading. It is majority-committed in either case.
Result<SetReading> read_set(const SetToRead& set, OplogWindow& window, CollectionReaders& readers,
                            const Cancel& cancel);

/// What could not be read at one time and why, in sentences for the user.
std::vector<std::string> fall_back_remarks(const std::vector<ReadCollection>& collections);

}  // namespace varve::job
