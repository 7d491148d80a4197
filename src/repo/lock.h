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
  /// The same, but does not wait for the second look, which a thread of the lock's own takes: until settled() has said
  /// yes the repository may be read, and what was read may not be shown, nor anything be done because of it. The
  /// repository itself stores and removes nothing before.
  ///
  /// Why reading is safe: whoever held an excluding lock when we looked is obeyed. Whoever made one since then looks a
  /// second time 200 ms after making it, finds ours, which was stored in less than nine tenths of that time after our
  /// look, and gives up before they change anything. Where storing it took longer, this waits as acquire does.
  static Result<std::unique_ptr<Lock>> begin(Repository& repository, LockMode mode, const Cancel& cancel,
                                             const Clock& clock = system_clock());
  /// The same, but asks again while somebody else excludes us: after 5 seconds, then at ever longer intervals, a minute
  /// at most, until `patience` is over.
  static Result<std::unique_ptr<Lock>> acquire_within(std::chrono::nanoseconds patience, Repository& repository,
                                                      LockMode mode, const Cancel& cancel,
                                                      const Clock& clock = system_clock());
  virtual ~Lock() = default;

  /// Waits until the second look was taken; an error, as acquire gives it, if the lock was not had. Thread-safe.
  virtual Status settled() = 0;
  /// Stops when the parent stops, or, with kLocked and a sentence, when the lock is lost. What runs under the lock
  /// takes this one.
  virtual Cancel cancel() const = 0;
  /// Removes the lock file; an error tells that it may still be there.
  virtual Status release() = 0;
};

}  // namespace varve::repo
