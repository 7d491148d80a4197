#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "mongo/fsync_lock.h"
#include "repo/host.h"
#include "storage/posix.h"

namespace varve::job {

/// What is written down about a lock on a server, so that a later run can undo it.
struct LockRecord {
  std::string run;  ///< a random name
  repo::Host holder;
  Time holder_began{};
  mongo::ServerRun server;
  Time time{};
  /// The one lock that the run took; empty while it had none, or nobody had written yet that it did.
  std::optional<mongo::FsyncLock> held;
};

/// A file about one lock, durable before the lock is taken and gone after it was released. Whoever has it open keeps it
/// locked (flock), children that inherit it too: so it tells a run that works from one that is dead, whatever became
/// of its process number.
class LockJournal {
 public:
  /// Writes `record` into `folder`, which is made if need be.
  static Result<LockJournal> create(const std::string& folder, const LockRecord& record);
  /// The same file in a process that inherited it.
  LockJournal(storage::posix::Fd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  /// Durable when it returns.
  Status add_held(const mongo::FsyncLock& lock);
  Status remove() const;

  const std::string& path() const { return path_; }
  int descriptor() const { return file_.get(); }

 private:
  storage::posix::Fd file_;
  std::string path_;
};

/// The journal of a run that is dead. Nobody else sees it as long as this lives.
struct LeftLock {
  LockJournal journal;
  LockRecord record;
};
/// Those in `folder`, oldest name first; none if there is no such folder. `unreadable` gets the paths of files that
/// hold no record.
Result<std::vector<LeftLock>> locks_left_behind(const std::string& folder, std::vector<std::string>& unreadable);

std::string encode_lock_record(const LockRecord& record);  ///< JSON, one line
Result<LockRecord> decode_lock_record(
    std::string_view content);  ///< of a whole file; a torn last line counts for nothing

}  // namespace varve::job
