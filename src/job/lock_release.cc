#include "job/lock_release.h"

namespace varve::job {

namespace {

constexpr std::chrono::seconds kConnectWithin(5);
constexpr std::chrono::seconds kPause(1);

}  // namespace

Result<Released> LockRelease::attempt(const Cancel& cancel) {
  if (!connection_) {
    TRY_ASSIGN(connection_, mongo::Connection::open(uri_, cancel, kConnectWithin));
    TRY_ASSIGN(const auto now, mongo::server_run(*connection_, cancel));
    if (!now.same_as(server_)) return Released{.was_ours = false, .restarted = true, .locked = false};
  }
  TRY_ASSIGN(const auto unlocked, mongo::release_fsync_lock(*connection_, lock_, cancel, &sent_));
  return Released{.was_ours = unlocked.was_ours || sent_, .restarted = false, .locked = unlocked.locked};
}

/// An unlocking whose answer was lost is sent again: that the lock stays would be worse than that a lock goes which
/// somebody else has put on top of ours meanwhile.
Result<Released> LockRelease::run(std::chrono::seconds patience, const Cancel& cancel) {
  const auto end = std::chrono::steady_clock::now() + patience;
  // A connection from before may be dead and take its time to say so: a fresh one is tried in any case.
  for (bool fresh = !connection_;; fresh = true) {
    auto released = attempt(cancel);
    if (released || released.error().kind() != ErrorKind::kUnavailable) return released;
    connection_.reset();
    if ((fresh && std::chrono::steady_clock::now() >= end) || !cancel.sleep(kPause)) return released;
  }
}

std::string unlock_by_hand(const std::string& host) {
  return "if " + host + " is locked still, db.fsyncUnlock() in its shell unlocks it; so does the next backup of it";
}

}  // namespace varve::job
