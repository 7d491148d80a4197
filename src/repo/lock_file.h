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

/// True if its process was on this host and is gone.
bool is_left_behind(const LockFile& lock);

/// Every lock but `own`. Empty files and such as vanish meanwhile are passed over; one that cannot be read is tried
/// again for a while, as it may be half written, and refused then.
Result<std::vector<LockFile>> read_locks(Repository& repository, const std::optional<Id>& own, const Cancel& cancel,
                                         const Clock& clock);

/// The error for somebody whom `other` excludes.
Error locked_by(const LockFile& other, Time now);

}  // namespace varve::repo
