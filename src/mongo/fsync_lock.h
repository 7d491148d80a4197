#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mongo/connection.h"

// fsync {lock: true}: the server writes all to disk and lets nobody write until it is unlocked. Locks nest. The server
// counts them, knows nobody by name, and keeps them when the connection that took them ends.

namespace varve::mongo {

/// One life of a server process: locks end with it.
struct ServerRun {
  std::string host;     ///< host:port, as it was reached
  std::string process;  ///< what the server calls this life, in hex; "" before MongoDB 4.4
  int64_t pid = 0;
  int64_t started = 0;  ///< seconds since 1970, by the server's clock

  /// True if both are the same life. Without `process` the host, the pid and the start decide, which may be a minute
  /// apart: a clock may have been set.
  bool same_as(const ServerRun& other) const;
};
Result<ServerRun> server_run(Connection& connection, const Cancel& cancel);

/// One lock that we took.
struct FsyncLock {
  int64_t others = 0;  ///< locks of others that were there before
  /// The operation by which the server holds its locks, the same from the first lock to the last unlocking; 0 where the
  /// login may not see it (inprog).
  int64_t operation = 0;
};

Result<bool> is_fsync_locked(Connection& connection, const Cancel& cancel);

/// Waits for running writes to end, however long that takes.
Result<FsyncLock> take_fsync_lock(Connection& connection, const Cancel& cancel);

struct Unlocked {
  bool was_ours = true;  ///< false: somebody had released our lock before; nothing was released
  bool locked = false;   ///< the server is still locked, by others
};
/// Releases one lock, unless it is known to be no longer there. `sent`, if there is one, becomes true once the server
/// is asked to: where its answer is lost, the lock may be gone by that.
Result<Unlocked> release_fsync_lock(Connection& connection, const FsyncLock& lock, const Cancel& cancel,
                                    bool* sent = nullptr);

}  // namespace varve::mongo
