#include "repo/lock_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/timed_stop.h"
#include "codec/sha256.h"
#include "repo/go_time.h"
#include "repo/json_object.h"
#include "repo/json_reader.h"
#include "repo/unpacked.h"

namespace varve::repo {

namespace {

using namespace std::chrono_literals;
using storage::FileInfo;
using storage::FileType;

constexpr std::chrono::seconds kRetries[] = {5s, 10s, 20s};
constexpr auto kStaleAge = 30min;
constexpr auto kRenewedWithin = 6min;  // restic and varve renew every five

std::string age(std::chrono::nanoseconds since) {
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(since).count();
  if (minutes < 1) return "less than a minute ago";
  return minutes < 120 ? fmt::format("{} minutes ago", minutes) : fmt::format("{} hours ago", minutes / 60);
}

/// Nothing if the file is gone.
Result<std::optional<LockFile>> read_once(Repository& repository, const FileInfo& file, const Cancel& cancel) {
  const auto json = load_unpacked(repository, FileType::kLock, file.id, file.size, cancel);
  if (!json && json.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  if (!json) return fail(json.error());
  TRY_ASSIGN(auto lock, decode_lock(*json, file.id));
  return std::optional(std::move(lock));
}

Result<std::optional<LockFile>> read_lock(Repository& repository, const FileInfo& file, const Cancel& cancel,
                                          const Clock& clock) {
  auto lock = read_once(repository, file, cancel);
  for (const auto delay : kRetries) {
    if (lock || is_stop(lock.error())) return lock;
    if (!clock.sleep(delay, cancel)) return fail(cancel.check().error());
    lock = read_once(repository, file, cancel);
  }
  if (lock) return lock;
  return fail(
      Error(ErrorKind::kLocked, "lock " + file.id.short_hex() +
                                    " cannot be read, so nobody can tell whom it excludes: " + lock.error().message())
          .hint("if nothing else is working on the repository, `varve unlock --remove-all` removes it"));
}

}  // namespace

std::string encode_lock(const LockFile& lock) {
  std::string out;
  JsonObject object(out);
  object.string("time", format_go_time(lock.time));
  object.boolean("exclusive", lock.exclusive);
  object.string("hostname", lock.holder.hostname);
  object.string("username", lock.holder.username);
  object.number("pid", lock.holder.pid);
  object.number_if("uid", lock.holder.uid);
  object.number_if("gid", lock.holder.gid);
  object.string_if("pid_space", lock.holder.pid_space);  // ours: restic passes over it
  object.close();
  return out;
}

Result<LockFile> decode_lock(std::string_view json, const Id& id) {
  LockFile lock;
  lock.id = id;
  JsonReader in(json);
  TRY(in.object([&](std::string_view key) -> Status {
    if (key == "time") return in.time(lock.time);
    if (key == "exclusive") return in.boolean(lock.exclusive);
    if (key == "hostname") return in.string(lock.holder.hostname);
    if (key == "username") return in.string(lock.holder.username);
    if (key == "pid") return in.number(lock.holder.pid);
    if (key == "uid") return in.number(lock.holder.uid);
    if (key == "gid") return in.number(lock.holder.gid);
    if (key == "pid_space") return in.string(lock.holder.pid_space);
    return in.skip();
  }));
  TRY(in.end());
  return lock;
}

LockFile own_lock(LockMode mode, Time now) {
  LockFile lock;
  lock.time = now;
  lock.exclusive = mode == LockMode::kExclusive;
  lock.holder = this_host();
  return lock;
}

Result<Id> put_lock(Repository& repository, const LockFile& lock, const Cancel& cancel) {
  TRY_ASSIGN(const auto sealed, encode_unpacked(repository.key(), repository.config().version, encode_lock(lock)));
  const Id id = codec::sha256(sealed);
  const ByteView pieces[] = {sealed};
  auto stored = repository.storage().put({FileType::kLock, id}, pieces, cancel);
  if (stored) return id;
  // Interrupted, or its answer lost: the file may be there all the same.
  (void)repository.storage().remove({FileType::kLock, id}, TimedStop(kCleanUp).cancel());
  if (stored.error().kind() != ErrorKind::kDenied) return fail(std::move(stored).error());
  return fail(std::move(stored).error().hint("commands that only read do without a lock: --no-lock"));
}

bool is_left_behind(const LockFile& lock) {
  const Host here = this_host();
  if (here.hostname.empty() || lock.holder.hostname != here.hostname) return false;
  if (lock.holder.pid == here.pid) return lock.time < process_start();
  return process_is_dead(lock.holder.pid);
}

bool is_surely_left_behind(const LockFile& lock, Time now) {
  if (!is_left_behind(lock)) return false;
  const Host here = this_host();
  return (!here.pid_space.empty() && lock.holder.pid_space == here.pid_space) || now - lock.time > kRenewedWithin;
}

Result<std::vector<LockFile>> read_locks(Repository& repository, const std::optional<Id>& own, const Cancel& cancel,
                                         const Clock& clock) {
  TRY_ASSIGN(auto files, list_files(repository.storage(), FileType::kLock, cancel));
  while (true) {
    std::vector<LockFile> locks;
    for (const auto& file : files) {
      if (file.size == 0 || file.id == own) continue;
      TRY_ASSIGN(auto lock, read_lock(repository, file, cancel, clock));
      if (lock) locks.push_back(std::move(*lock));
    }
    // One that was renewed meanwhile may have been read under neither of its names.
    TRY_ASSIGN(auto again, list_files(repository.storage(), FileType::kLock, cancel));
    if (std::ranges::equal(files, again, {}, &storage::FileInfo::id, &storage::FileInfo::id)) return locks;
    files = std::move(again);
  }
}

Error locked_by(const LockFile& other, Time now) {
  const auto since = now - std::max(other.time, Time{});
  Error error(ErrorKind::kLocked,
              fmt::format("the repository is locked {} by process {} of {} on {}, lock {} last renewed {} ({})",
                          other.exclusive ? "exclusively" : "for shared use", other.holder.pid,
                          other.holder.username.empty() ? "an unknown user" : other.holder.username,
                          other.holder.hostname.empty() ? "an unknown host" : other.holder.hostname,
                          other.id.short_hex(), format_utc(std::max(other.time, Time{})), age(since)));
  if (since > kStaleAge) {
    error.hint("a lock at work is renewed every five minutes, so this one was left behind");
    error.hint("`varve unlock` or `restic unlock` removes it");
  } else {
    error.hint(
        "wait until it has finished; if that process is gone, `varve unlock` or `restic unlock` removes the lock");
  }
  return error;
}

}  // namespace varve::repo
