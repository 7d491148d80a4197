#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "repo/lock.h"
#include "repo/lock_file.h"
#include "repo/testing/small_backup.h"
#include "repo/unpacked.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::repo::testing {

using namespace std::chrono_literals;

inline constexpr auto kRefresherStep = 15s;

/// Time stands still until a test moves it. Whoever sleeps is woken when its time has come; short sleeps (a lock's
/// settling) pass at once.
class TestClock final : public Clock {
 public:
  Time now() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }
  std::chrono::nanoseconds ticks() const override { return now().time_since_epoch(); }
  bool sleep(std::chrono::nanoseconds duration, const Cancel& cancel) const override {
    std::unique_lock lock(mutex_);
    slept_ += duration;
    if (duration != kRefresherStep) return !cancel.stopped();  // only the refresher waits for the time to pass
    wakes_ = now_ + duration;
    changed_.notify_all();
    changed_.wait(lock, cancel.token(), [&] { return now_ >= *wakes_; });
    return !cancel.stopped();
  }
  /// Moves the time in steps, letting the one refresher do its work at each.
  void advance(std::chrono::nanoseconds by) {
    std::unique_lock lock(mutex_);
    const auto asleep = [&] { return wakes_ && *wakes_ > now_; };
    for (; by > 0s; by -= kRefresherStep) {
      if (!changed_.wait_for(lock, 5s, asleep)) return;  // it has ended
      now_ += kRefresherStep;
      changed_.notify_all();
    }
    changed_.wait_for(lock, 5s, asleep);
  }
  void jump(std::chrono::nanoseconds by) {
    std::lock_guard lock(mutex_);
    now_ += by;
    changed_.notify_all();
  }
  std::chrono::nanoseconds slept() const {
    std::lock_guard lock(mutex_);
    return slept_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  Time now_ = system_clock().now();
  mutable std::optional<Time> wakes_;
  mutable std::chrono::nanoseconds slept_{0};
};

/// Of one repository in memory, whose storage can fail.
class LockTest : public ::testing::Test {
 protected:
  std::vector<storage::FileInfo> files() { return *list_files(*memory_, storage::FileType::kLock, Cancel()); }
  LockFile foreign(bool exclusive) {
    LockFile lock;
    lock.time = clock_.now();
    lock.exclusive = exclusive;
    lock.holder = {"elsewhere", "anna", 7, 8, 4711};
    return lock;
  }
  Id store(const LockFile& lock) {
    return *repository_->save_file(storage::FileType::kLock, encode_lock(lock), Cancel());
  }
  Result<std::unique_ptr<Lock>> acquire(LockMode mode) { return Lock::acquire(*repository_, mode, Cancel(), clock_); }
  bool wait_until_lost(const Lock& lock) {
    for (int i = 0; i < 500 && !lock.cancel().stopped(); ++i) std::this_thread::sleep_for(10ms);
    return lock.cancel().stopped();
  }

  std::shared_ptr<storage::MemoryStorage> memory_ = std::make_shared<storage::MemoryStorage>();
  std::shared_ptr<storage::FaultStorage> faulty_ = std::make_shared<storage::FaultStorage>(memory_);
  std::unique_ptr<Repository> repository_ = make_repository(faulty_);
  TestClock clock_;
};

}  // namespace varve::repo::testing
