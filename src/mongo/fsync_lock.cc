#include "mongo/fsync_lock.h"

#include <cstdlib>

#include "mongo/server.h"

namespace varve::mongo {

namespace {

constexpr int64_t kClockTolerance = 60;

/// What currentOp says of the operation that holds the locks; nothing where the login may not ask.
std::optional<int64_t> lock_operation(Connection& connection, const Cancel& cancel) {
  bson::Builder command;
  command.add("currentOp", int32_t{1}).add("$all", true).add("desc", "fsyncLockWorker");
  const auto reply = connection.command("admin", command.finish(), cancel);
  if (!reply) return std::nullopt;
  return reply->view().int64("inprog.0.opid").value_or(0);
}

std::string hex_of(std::optional<bson::Element> id) {
  return id ? to_hex(id->value()) : "";
}

}  // namespace

bool ServerRun::same_as(const ServerRun& other) const {
  if (!process.empty() && !other.process.empty()) return process == other.process;
  return host == other.host && pid == other.pid && std::llabs(started - other.started) <= kClockTolerance;
}

Result<ServerRun> server_run(Connection& connection, const Cancel& cancel) {
  ServerRun run;
  run.host = connection.host();
  TRY_ASSIGN(const auto hello, is_master(connection, cancel));
  run.process = hex_of(hello.view().find("topologyVersion.processId"));
  bson::Builder command;
  command.add("serverStatus", int32_t{1});
  TRY_ASSIGN(const auto status, connection.command("admin", command.finish(), cancel));
  run.pid = status.view().int64("pid").value_or(0);
  const auto now = status.view().find("localTime");
  const int64_t milliseconds = now ? now->as_date().value_or(0) : 0;
  run.started = (milliseconds - status.view().int64("uptimeMillis").value_or(0)) / 1000;
  return run;
}

/// Any login may ask that, about its own operations.
Result<bool> is_fsync_locked(Connection& connection, const Cancel& cancel) {
  bson::Builder command;
  command.add("currentOp", int32_t{1}).add("$ownOps", true);
  TRY_ASSIGN(const auto reply, connection.command("admin", command.finish(), cancel));
  return reply.view().truthy("fsyncLock");
}

Result<FsyncLock> take_fsync_lock(Connection& connection, const Cancel& cancel) {
  bson::Builder command;
  command.add("fsync", int32_t{1}).add("lock", true);
  TRY_ASSIGN(const auto reply, connection.command("admin", command.finish(), cancel));
  const auto count = reply.view().int64("lockCount");
  if (!count || *count < 1) {
    return fail(ErrorKind::kUnsupported, connection.host() + " does not say that it is locked; it answered to fsync " +
                                             std::string(reply.view().string("info").value_or("without a count")));
  }
  return FsyncLock{*count - 1, lock_operation(connection, cancel).value_or(0)};
}

Result<Unlocked> release_fsync_lock(Connection& connection, const FsyncLock& lock, const Cancel& cancel, bool* sent) {
  Unlocked gone{.was_ours = false, .locked = false};
  TRY_ASSIGN(gone.locked, is_fsync_locked(connection, cancel));
  if (!gone.locked) return gone;
  const auto operation = lock.operation == 0 ? std::nullopt : lock_operation(connection, cancel);
  if (operation && *operation != lock.operation) return gone;  // unlocked meanwhile, and locked anew by somebody
  bson::Builder command;
  command.add("fsyncUnlock", int32_t{1});
  if (sent != nullptr) *sent = true;
  TRY_ASSIGN(const auto reply, connection.command("admin", command.finish(), cancel));
  return Unlocked{.was_ours = true, .locked = reply.view().int64("lockCount").value_or(0) > 0};
}

}  // namespace varve::mongo
