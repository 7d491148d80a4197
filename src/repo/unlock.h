#pragma once

#include "base/clock.h"
#include "repo/repository.h"

namespace varve::repo {

/// Removes locks that nobody holds any more: older than half an hour, or of a process of this host that is dead. With
/// `all` every lock, also of programs that run. Gives how many were removed and how many are left.
struct Unlocked {
  uint64_t removed = 0, left = 0;
};
Result<Unlocked> unlock(Repository& repository, bool all, const Cancel& cancel, const Clock& clock = system_clock());

}  // namespace varve::repo
