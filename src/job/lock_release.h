#pragma once

#include <chrono>
#include <optional>

#include "mongo/fsync_lock.h"

namespace varve::job {

struct Released {
  bool was_ours = true;    ///< false: our lock was gone already
  bool restarted = false;  ///< it went with the server's restart
  bool locked = false;     ///< the server is locked still, by others
};

/// Releases a lock, also over a new connection where the old one broke, for as long as `patience` where the server does
/// not answer.
class LockRelease {
 public:
  LockRelease(mongo::Uri uri, mongo::ServerRun server, mongo::FsyncLock lock,
              std::optional<mongo::Connection> connection = std::nullopt)
      : uri_(std::move(uri)), server_(std::move(server)), lock_(lock), connection_(std::move(connection)) {}

  Result<Released> run(std::chrono::seconds patience, const Cancel& cancel);

 private:
  Result<Released> attempt(const Cancel& cancel);

  const mongo::Uri uri_;
  const mongo::ServerRun server_;
  const mongo::FsyncLock lock_;
  std::optional<mongo::Connection> connection_;
  bool sent_ = false;  // an unlocking; if its answer was lost, a lock that is gone was ours until then
};

/// What the administrator does where we could not.
std::string unlock_by_hand(const std::string& host);

}  // namespace varve::job
