#include "repo/lock.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include <fmt/format.h>

#include "base/timed_stop.h"
#include "repo/lock_file.h"

namespace varve::repo {

namespace {

using namespace std::chrono_literals;
using storage::FileType;

constexpr auto kSettle = 200ms;           // as in restic: who makes a lock looks again after it
constexpr auto kSoon = kSettle * 9 / 10;  // after a look, for a lock that all who have not looked again yet will see
constexpr auto kRefreshEvery = 5min;
constexpr auto kRetryEvery = 1min;
constexpr auto kGiveUpAfter = 22min + 30s;  // well before 30 minutes, when others take the lock for stale
constexpr auto kStep = 15s;                 // short, so that a machine that slept is noticed

Error taken_away(const LockFile& own) {
  return Error(ErrorKind::kLocked,
               "our lock " + own.id.short_hex() + " was removed by somebody else, so it keeps nobody out any more")
      .hint("what was begun was given up; run it again")
      .hint("`unlock --remove-all` is only for when nothing is at work on the repository");
}

Error too_old(const LockFile& own, Time now, const std::string& why) {
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(now - own.time).count();
  return Error(ErrorKind::kLocked,
               fmt::format("our lock {} could not be refreshed for {} minutes, so others may take it "
                           "for one that was left behind: {}",
                           own.id.short_hex(), minutes, why))
      .hint("what was begun was given up; run it again");
}

bool excludes(const LockFile& other, LockMode mode) {
  return other.exclusive || mode == LockMode::kExclusive;
}

/// kLocked if somebody excludes us. Locks of dead processes of this host are removed, not obeyed.
Status look_around(Repository& repository, LockMode mode, const std::optional<Id>& own, const Cancel& cancel,
                   const Clock& clock) {
  TRY_ASSIGN(const auto locks, read_locks(repository, own, cancel, clock));
  for (const auto& other : locks) {
    if (!is_surely_left_behind(other, clock.now())) {
      if (excludes(other, mode)) return fail(locked_by(other, clock.now()));
      continue;
    }
    const auto removed = repository.storage().remove({FileType::kLock, other.id}, cancel);
    if (removed || removed.error().kind() == ErrorKind::kNotFound) continue;
    if (excludes(other, mode)) return fail(removed.error());
  }
  return {};
}

/// The file of a lock that is to be held: replaced again and again, as files are written once.
class HeldLock final : public Lock {
 public:
  HeldLock(Repository& repository, LockFile own, const Clock& clock, const Cancel& parent)
      : repository_(repository),
        clock_(clock),
        own_(std::move(own)),
        relay_(parent.token(), [this, parent] { end_work(parent.check().error()); }),
        refresher_([this](std::stop_token stop) { work_until(Cancel(std::move(stop))); }) {
    repository_.add_lock(
        this, {[this](const Cancel&) { return settled(); }, [this](const Cancel& cancel) { return confirm(cancel); }});
  }
  ~HeldLock() override { (void)release(); }

  Status settled() override {
    std::unique_lock lock(mutex_);
    settling_ended_.wait(lock, stopped_.get_token(), [&] { return settled_; });
    return settled_ ? Status() : cancel().check();
  }

  Cancel cancel() const override { return Cancel(stopped_.get_token(), reason_); }

  Status release() override {
    repository_.drop_lock(this);
    refresher_.request_stop();
    if (refresher_.joinable()) refresher_.join();
    if (released_) return {};
    // Not under the parent's Cancel: who was interrupted must clean up too.
    const storage::Handle ours[] = {{FileType::kLock, own().id}};
    auto removed = repository_.storage().remove_some(ours, TimedStop(kCleanUp).cancel()).front();
    if (!removed) {
      return fail(std::move(removed)
                      .error()
                      .within("cannot remove our lock " + own().id.short_hex())
                      .hint("`varve unlock` or `restic unlock` removes it"));
    }
    released_ = true;
    return {};
  }

 private:
  void work_until(const Cancel& stop) try {
    if (auto had = settle(stop); !had) return end_work(std::move(had).error());
    refresh_until(stop);
  } catch (const std::exception& exception) {
    end_work(exception_error(exception));
  }

  /// For two who looked at the same time to see each other.
  Status settle(const Cancel& stop) {
    const LockFile made = own();
    if (!clock_.sleep(kSettle, stop)) return stop.check();
    const auto mode = made.exclusive ? LockMode::kExclusive : LockMode::kShared;
    TRY(look_around(repository_, mode, made.id, stop, clock_));
    std::lock_guard lock(mutex_);
    settled_ = true;
    settling_ended_.notify_all();
    return {};
  }

  void refresh_until(const Cancel& stop) {
    Time next = own().time + kRefreshEvery;
    std::string why = "this machine was asleep, or had too much to do";
    while (clock_.sleep(kStep, stop)) {
      const Time now = clock_.now();
      if (now - own().time >= kGiveUpAfter) return end_work(too_old(own(), now, why));
      if (now < next) continue;
      // Not longer than that: a storage that does not answer must not keep us from seeing our own age.
      const TimedStop in_time(kGiveUpAfter - (now - own().time), stop);
      const auto refreshed = refresh(now, in_time.cancel());
      if (stop.stopped()) return;
      if (!refreshed && refreshed.error().kind() == ErrorKind::kNotFound) return end_work(taken_away(own()));
      if (!refreshed) why = refreshed.error().message();
      next = now + (refreshed ? std::chrono::nanoseconds(kRefreshEvery) : std::chrono::nanoseconds(kRetryEvery));
    }
  }

  void end_work(Error why) {
    reason_->say(std::move(why));
    stopped_.request_stop();
  }

  /// kNotFound if our file is gone: somebody took the lock away and relies on it.
  Status refresh(Time now, const Cancel& stop) {
    auto& storage = repository_.storage();
    LockFile renewed = own();
    const Id old = renewed.id;
    TRY(storage.stat({FileType::kLock, old}, stop));
    renewed.time = now;
    TRY_ASSIGN(renewed.id, put_lock(repository_, renewed, stop));
    {
      std::lock_guard lock(mutex_);
      own_ = renewed;
    }
    // The new one holds already; an old one that stays is stale in half an hour.
    (void)storage.remove({FileType::kLock, old}, stop);
    return {};
  }

  /// Between two looks of the refresher much can happen.
  Status confirm(const Cancel& cancel) {
    TRY(settled());
    while (true) {
      TRY(this->cancel().check());
      const LockFile looked_for = own();
      if (const Time now = clock_.now(); now - looked_for.time >= kGiveUpAfter) {
        end_work(too_old(looked_for, now, "this machine was asleep, or had too much to do"));
        continue;
      }
      auto there = repository_.storage().stat({FileType::kLock, looked_for.id}, cancel);
      if (there) return {};
      if (there.error().kind() != ErrorKind::kNotFound) {
        return fail(std::move(there).error().within("nobody can tell whether our lock still holds"));
      }
      if (own().id == looked_for.id) end_work(taken_away(looked_for));  // and was not just refreshed
    }
  }

  LockFile own() const {
    std::lock_guard lock(mutex_);
    return own_;
  }

  Repository& repository_;
  const Clock& clock_;
  mutable std::mutex mutex_;  ///< over own_ and settled_
  LockFile own_;
  std::condition_variable_any settling_ended_;
  bool settled_ = false;
  bool released_ = false;
  const std::shared_ptr<StopReason> reason_ = std::make_shared<StopReason>();
  std::stop_source stopped_;
  std::stop_callback<std::function<void()>> relay_;
  std::jthread refresher_;  // last: uses what stands above
};

}  // namespace

Result<std::unique_ptr<Lock>> Lock::begin(Repository& repository, LockMode mode, const Cancel& cancel,
                                          const Clock& clock) {
  const auto looked = clock.ticks();
  const Time looked_at = clock.now();  // ticks stand still while a machine sleeps
  TRY(look_around(repository, mode, std::nullopt, cancel, clock));
  LockFile own = own_lock(mode, clock.now());
  TRY_ASSIGN(own.id, put_lock(repository, own, cancel));
  const bool soon = clock.ticks() - looked < kSoon && clock.now() - looked_at < kSoon;
  auto lock = std::make_unique<HeldLock>(repository, std::move(own), clock, cancel);
  if (!soon) TRY(lock->settled());
  return std::unique_ptr<Lock>(std::move(lock));
}

Result<std::unique_ptr<Lock>> Lock::acquire(Repository& repository, LockMode mode, const Cancel& cancel,
                                            const Clock& clock) {
  TRY_ASSIGN(auto lock, begin(repository, mode, cancel, clock));
  TRY(lock->settled());
  return lock;
}

Result<std::unique_ptr<Lock>> Lock::acquire_within(std::chrono::nanoseconds patience, Repository& repository,
                                                   LockMode mode, const Cancel& cancel, const Clock& clock) {
  const auto give_up = clock.ticks() + patience;
  for (std::chrono::nanoseconds pause = 5s;; pause = std::min<std::chrono::nanoseconds>(2 * pause, 1min)) {
    auto lock = acquire(repository, mode, cancel, clock);
    const auto left = give_up - clock.ticks();
    if (lock || lock.error().kind() != ErrorKind::kLocked || left <= 0s) return lock;
    if (!clock.sleep(std::min(pause, left), cancel)) return fail(cancel.check().error());
  }
}

}  // namespace varve::repo
