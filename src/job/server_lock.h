#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/reporter.h"
#include "job/lock_journal.h"
#include "job/lock_release.h"

namespace varve::job {

/// What locking a server needs of this machine.
struct LockSettings {
  std::string journals;  ///< the folder of journals; made if need be
  std::string program;   ///< which runs keep_lock(0, 1, 3) where its one argument is kKeeperWord
};

/// A server that nobody can write to as long as this lives: fsync {lock: true}, for reading a standalone as of one
/// moment.
///
/// The lock is held by a process of its own, which unlocks whatever becomes of this one. If that process is killed this
/// one unlocks, and if both are the journal, durable before the lock is taken, tells the next run (undo_left_locks).
class ServerLock {
 public:
  /// Waits for the server's running writes. `connection` is one to the server; it is needed during the call only.
  static Result<std::unique_ptr<ServerLock>> take(const LockSettings& settings, mongo::Connection& connection,
                                                  Reporter& reporter, const Cancel& cancel,
                                                  const Clock& clock = system_clock());
  /// Releases the lock if need be, and warns if that fails.
  ~ServerLock();
  ServerLock(const ServerLock&) = delete;
  ServerLock& operator=(const ServerLock&) = delete;

  struct Unlocking {
    bool held = true;  ///< the lock was there until now, as far as can be known
    /// About what is not as expected: somebody had unlocked the server before, or others keep it locked.
    std::vector<std::string> sentences;
  };
  /// An error: the server may be locked still, and the process that holds the lock goes on trying.
  Result<Unlocking> release();

 private:
  ServerLock(mongo::Uri uri, LockRecord record, LockJournal journal, Reporter& reporter);
  Status start_keeper(const std::string& program);
  Status ask_for_lock(const Cancel& cancel);
  Result<Released> ask_for_release();
  Result<Released> release_without_keeper();
  /// Waits for the keeper's end, but not for ever.
  void let_keeper_go();
  Unlocking describe(const Released& released) const;

  const mongo::Uri uri_;
  LockRecord record_;
  LockJournal journal_;
  Reporter& reporter_;
  storage::posix::Fd to_keeper_, from_keeper_;
  int keeper_ = -1;
};

/// Releases the locks on this server that dead runs have left behind, and says so through `reporter`; locks on other
/// servers are named. What could not be undone here is in the result, a sentence each.
Result<std::vector<std::string>> undo_left_locks(const std::string& journals, mongo::Connection& connection,
                                                 Reporter& reporter, const Cancel& cancel);

}  // namespace varve::job
