#pragma once

#include "repo/host.h"
#include "repo/lock.h"

namespace varve::repo {

/// What a lock file says.
struct LockFile {
  Id id;
  Time time{};
  bool exclusive = false;
  Host holder;
};

std::string encode_lock(const LockFile& lock);
Result<LockFile> decode_lock(std::string_view json, const Id& id);

/// The lock of this process, new.
LockFile own_lock(LockMode mode, Time now);

/// Stores the lock; gives its id. Nothing is left behind on failure, as far as the storage still answers.
Result<Id> put_lock(Repository& repository, const LockFile& lock, const Cancel& cancel);

/// True if its process seems to have been on this host and is gone, as restic judges it. Two machines or containers of
/// one name can be taken for one another by it: good enough for somebody who asks for stale locks to be removed.
bool is_left_behind(const LockFile& lock);
/// The same, and beyond doubt: its process had its number where ours has, or the lock has not been renewed for longer
/// than a holder at work leaves it.
bool is_surely_left_behind(const LockFile& lock, Time now);

/// Every lock but `own`. Empty files and such as vanish meanwhile are passed over; one that cannot be read is tried
/// again for a while, as it may be half written, and refused then.
Result<std::vector<LockFile>> read_locks(Repository& repository, const std::optional<Id>& own, const Cancel& cancel,
                                         const Clock& clock);

/// The error for somebody whom `other` excludes.
Error locked_by(const LockFile& other, Time now);

}  // namespace varve::repo
