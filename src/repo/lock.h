#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "repo/repository.h"

namespace varve::repo {

enum class LockMode : uint8_t { kShared, kExclusive };

/// Holds a restic lock for as long as it lives: refreshed every five minutes by a thread of its own, removed in release
/// or the destructor. If it cannot be refreshed for 22.5 minutes, or vanishes, `cancel()` stops and all work under
/// it must end. The repository asks it, too, before anything is changed that others must be kept out of for.
class Lock {
 public:
  /// Follows restic's protocol: look, write, wait, look again. kLocked (with who, where, since when, and how to remove
  /// a stale one) if somebody excludes us; nothing is left behind then. Stale locks of this host, whose process is
  /// dead, are removed first.
  /// `clock` must outlive the lock.
  static Result<std::unique_ptr<Lock>> acquire(Repository& repository, LockMode mode, const Cancel& cancel,
                                               const Clock& clock = system_clock());
  /// The same, but asks again while somebody else excludes us: after 5 seconds, then at ever longer intervals, a minute
  /// at most, until `patience` is over.
  static Result<std::unique_ptr<Lock>> acquire_within(std::chrono::nanoseconds patience, Repository& repository,
                                                      LockMode mode, const Cancel& cancel,
                                                      const Clock& clock = system_clock());
  virtual ~Lock() = default;

  /// Stops when the parent stops, or, with kLocked and a sentence, when the lock is lost. What runs under the lock
  /// takes this one.
  virtual Cancel cancel() const = 0;
  /// Removes the lock file; an error tells that it may still be there.
  virtual Status release() = 0;
};

}  // namespace varve::repo
