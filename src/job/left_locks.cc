#include <fmt/format.h>

#include "job/server_lock.h"

namespace varve::job {

namespace {

std::string whose(const LockRecord& record) {
  return fmt::format("a backup of {} that died (begun {}, process {} on {})", record.server.host,
                     format_utc(record.time), record.holder.pid, record.holder.hostname);
}

/// What became of a lock on this very life of the server.
Result<std::string> undo(const LockRecord& record, mongo::Connection& connection, const Cancel& cancel) {
  if (record.held) {
    TRY_ASSIGN(const auto unlocked, mongo::release_fsync_lock(connection, *record.held, cancel));
    if (!unlocked.was_ours) return whose(record) + " had left a lock, which somebody has released by now";
    return whose(record) + " had left it locked; " +
           (unlocked.locked ? "that lock is released, those of others stay" : "it is unlocked now");
  }
  TRY_ASSIGN(const bool locked, mongo::is_fsync_locked(connection, cancel));
  if (!locked) return whose(record) + " left no lock";
  return fail(Error(ErrorKind::kInconsistent, record.server.host + " is locked, perhaps by " + whose(record) +
                                                  ", perhaps by somebody else; the lock was left alone"));
}

/// By its name, or because it ran already when the lock was taken: the same name may lead to another server (a tunnel).
bool is_another_server(const LockRecord& record, const mongo::ServerRun& server) {
  constexpr int64_t kClockTolerance = 60;
  const auto locked = std::chrono::duration_cast<std::chrono::seconds>(record.time.time_since_epoch()).count();
  if (record.server.same_as(server)) return false;
  return record.server.host != server.host || server.started + kClockTolerance < locked;
}

}  // namespace

Result<std::vector<std::string>> undo_left_locks(const std::string& journals, mongo::Connection& connection,
                                                 Reporter& reporter, const Cancel& cancel) {
  std::vector<std::string> troubles, unreadable;
  TRY_ASSIGN(const auto left, locks_left_behind(journals, unreadable));
  for (const auto& path : unreadable) reporter.warning(path + " holds no record of a lock; remove it");
  if (left.empty()) return troubles;
  TRY_ASSIGN(const auto server, mongo::server_run(connection, cancel));
  for (const auto& lock : left) {
    const auto& record = lock.record;
    if (is_another_server(record, server)) {
      reporter.warning(record.server.host + " may be locked by " + whose(record) + "; " +
                       unlock_by_hand(record.server.host));
      continue;
    }
    const auto done = record.server.same_as(server)
                          ? undo(record, connection, cancel)
                          : Result<std::string>(whose(record) + " had locked it, until it was restarted");
    TRY(cancel.check());
    if (done) {
      reporter.note(*done);
      TRY(lock.journal.remove());
    } else {
      troubles.push_back(done.error().message() + "; " + unlock_by_hand(record.server.host) + "; then remove " +
                         lock.journal.path());
    }
  }
  return troubles;
}

}  // namespace varve::job
