#include "repo/lock.h"

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "base/task_group.h"
#include "repo/lock_file.h"
#include "repo/testing/small_backup.h"
#include "repo/unlock.h"
#include "repo/unpacked.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::repo {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using storage::FileType;

constexpr auto kRefresherStep = 15s;

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

/// Does what others do while a lock settles, which then passes at once.
class SettlingClock final : public Clock {
 public:
  explicit SettlingClock(std::function<void()> meanwhile) : meanwhile_(std::move(meanwhile)) {}
  Time now() const override { return now_; }
  std::chrono::nanoseconds ticks() const override { return ticks_.load(); }
  bool sleep(std::chrono::nanoseconds duration, const Cancel& cancel) const override {
    if (duration == 200ms) meanwhile_();
    return duration == 200ms || system_clock().sleep(duration, cancel);
  }
  void pass(std::chrono::nanoseconds time) { ticks_ = ticks_.load() + time; }

 private:
  std::function<void()> meanwhile_;
  const Time now_ = system_clock().now();
  std::atomic<std::chrono::nanoseconds> ticks_{std::chrono::nanoseconds(1h)};
};

constexpr unsigned kListsOfALook = 2;

class LockTest : public ::testing::Test {
 protected:
  std::vector<storage::FileInfo> files() { return *list_files(*memory_, FileType::kLock, Cancel()); }
  LockFile foreign(bool exclusive) {
    LockFile lock;
    lock.time = clock_.now();
    lock.exclusive = exclusive;
    lock.holder = {"elsewhere", "anna", 7, 8, 4711};
    return lock;
  }
  Id store(const LockFile& lock) { return *repository_->save_file(FileType::kLock, encode_lock(lock), Cancel()); }
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

TEST_F(LockTest, IsWrittenAsGoWritesIt) {
  LockFile lock = foreign(true);
  lock.time = *parse_rfc3339("2026-11-21T10:15:02Z");
  EXPECT_EQ(encode_lock(lock), R"({"time":"2026-11-21T10:15:02Z","exclusive":true,"hostname":"elsewhere",)"
                               R"("username":"anna","pid":4711,"uid":7,"gid":8})");
  const auto again = decode_lock(encode_lock(lock), Id{});
  ASSERT_TRUE(again);
  EXPECT_EQ(encode_lock(*again), encode_lock(lock));
}

TEST_F(LockTest, ExclusiveExcludesAndSharedShares) {
  for (const bool other_exclusive : {false, true}) {
    for (const auto mode : {LockMode::kShared, LockMode::kExclusive}) {
      const Id other = store(foreign(other_exclusive));
      {
        const auto lock = acquire(mode);
        const bool excluded = other_exclusive || mode == LockMode::kExclusive;
        EXPECT_EQ(bool(lock), !excluded);
        EXPECT_EQ(files().size(), excluded ? 1u : 2u);
        if (!lock) {
          EXPECT_EQ(lock.error().kind(), ErrorKind::kLocked);
          for (const char* part : {"elsewhere", "anna", "4711"}) {
            EXPECT_NE(lock.error().message().find(part), std::string::npos) << lock.error().message();
          }
          EXPECT_NE(lock.error().hints().at(0).find("varve unlock"), std::string::npos);
        }
      }
      EXPECT_EQ(files().size(), 1u);
      ASSERT_TRUE(memory_->remove({FileType::kLock, other}, Cancel()));
    }
  }
}

TEST_F(LockTest, OldLocksOfOthersAreObeyedButSaidToBeOld) {
  LockFile old = foreign(true);
  old.time -= 24h;
  store(old);
  const auto lock = acquire(LockMode::kShared);
  ASSERT_FALSE(lock);
  EXPECT_NE(lock.error().message().find("24 hours ago"), std::string::npos) << lock.error().message();
  EXPECT_EQ(lock.error().hints().size(), 2u);
}

TEST_F(LockTest, SomebodyWhoComesAtTheSameTimeIsSeen) {
  // The other's file appears between our first look and our second.
  const SettlingClock racing([&] { store(foreign(true)); });
  const auto lock = Lock::acquire(*repository_, LockMode::kShared, Cancel(), racing);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().kind(), ErrorKind::kLocked);
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(LockTest, NothingIsChangedBeforeTheSecondLook) {
  std::promise<void> put_began;
  const SettlingClock clock([&] { put_began.get_future().wait(); });
  const auto lock = Lock::begin(*repository_, LockMode::kExclusive, Cancel(), clock);
  ASSERT_TRUE(lock);
  EXPECT_TRUE(repository_->snapshots(Cancel()));  // reading does not wait
  faulty_->forget_calls();
  std::thread put([&] {
    put_began.set_value();
    EXPECT_TRUE(repository_->storage().put({FileType::kPack, Id{}}, {}, Cancel()));
    EXPECT_TRUE(repository_->storage().remove({FileType::kPack, Id{}}, Cancel()));
  });
  put.join();
  const auto calls = faulty_->calls();
  ASSERT_GE(calls.size(), 3u);
  EXPECT_EQ(calls.front().operation, storage::Operation::kList);  // the second look
  EXPECT_EQ(calls[calls.size() - 2].operation, storage::Operation::kPut);
  EXPECT_EQ(calls.back().operation, storage::Operation::kRemove);
  EXPECT_TRUE((*lock)->settled());
}

TEST_F(LockTest, NothingIsChangedUnderALockThatIsNotHad) {
  // The other's file appears right after our first look, before ours is there; or while ours settles.
  for (const bool before_ours : {true, false}) {
    for (const auto mode : {LockMode::kShared, LockMode::kExclusive}) {
      SCOPED_TRACE(before_ours);
      Id other;
      const auto come = [&] { other = store(foreign(mode == LockMode::kShared)); };
      if (before_ours) faulty_->meanwhile(storage::Operation::kList, FileType::kLock, come, kListsOfALook);
      const SettlingClock clock([&] {
        if (!before_ours) come();
      });
      {
        const auto lock = Lock::begin(*repository_, mode, Cancel(), clock);
        ASSERT_TRUE(lock);
        EXPECT_EQ(repository_->save_snapshot(Snapshot(), Cancel()).error().kind(), ErrorKind::kLocked);
        EXPECT_EQ(repository_->storage().put({FileType::kPack, Id{}}, {}, Cancel()).error().kind(), ErrorKind::kLocked);
        EXPECT_EQ(repository_->storage().remove({FileType::kSnapshot, Id{}}, Cancel()).error().kind(),
                  ErrorKind::kLocked);
        const auto settled = (*lock)->settled();
        EXPECT_NE(settled.error().message().find("anna"), std::string::npos) << settled.error().message();
        EXPECT_EQ((*lock)->cancel().check().error().kind(), ErrorKind::kLocked);
      }
      EXPECT_EQ(files().size(), 1u);
      EXPECT_TRUE(list_files(*memory_, FileType::kPack, Cancel())->empty());
      EXPECT_TRUE(list_files(*memory_, FileType::kSnapshot, Cancel())->empty());
      ASSERT_TRUE(memory_->remove({FileType::kLock, other}, Cancel()));
    }
  }
}

TEST_F(LockTest, OfTwoThatBeginAtTheSameTimeNoneOrOneIsHad) {
  const auto others = Repository::open(memory_, kPassword, Cancel());
  ASSERT_TRUE(others);
  // Both have looked before either's file is there, and both files are there before either looks again.
  for (const auto theirs : {LockMode::kShared, LockMode::kExclusive}) {
    std::promise<void> both_there;
    const auto there = both_there.get_future().share();
    const SettlingClock clock([&] { there.wait(); });
    Result<std::unique_ptr<Lock>> second = fail(ErrorKind::kInternal, "not begun");
    faulty_->meanwhile(
        storage::Operation::kList, FileType::kLock, [&] { second = Lock::begin(**others, theirs, Cancel(), clock); },
        kListsOfALook);
    const auto first = Lock::begin(*repository_, LockMode::kExclusive, Cancel(), clock);
    ASSERT_TRUE(first);
    ASSERT_TRUE(second);
    both_there.set_value();
    EXPECT_EQ((*first)->settled().error().kind(), ErrorKind::kLocked);
    EXPECT_EQ((*second)->settled().error().kind(), ErrorKind::kLocked);
  }
  EXPECT_TRUE(files().empty());
}

TEST_F(LockTest, ALockThatIsRenewedWhileWeLookIsSeen) {
  LockFile other = foreign(true);
  const Id old = store(other);
  other.time += 5min;
  faulty_->meanwhile(storage::Operation::kList, FileType::kLock, [&] {
    store(other);
    ASSERT_TRUE(memory_->remove({FileType::kLock, old}, Cancel()));
  });
  EXPECT_EQ(Lock::begin(*repository_, LockMode::kShared, Cancel(), clock_).error().kind(), ErrorKind::kLocked);
}

TEST_F(LockTest, ALockThatWasSlowToMakeIsNotReadUnder) {
  // Somebody who looked a second time before ours was there may be at work and gone again before our second look.
  bool come = false;
  SettlingClock clock([&] { come = true; });
  faulty_->meanwhile(storage::Operation::kList, FileType::kLock, [&] { clock.pass(190ms); });
  EXPECT_TRUE(Lock::begin(*repository_, LockMode::kShared, Cancel(), clock));
  EXPECT_TRUE(come);
}

TEST_F(LockTest, LocksOfDeadProcessesOfThisHostAreRemoved) {
  LockFile dead = own_lock(LockMode::kExclusive, clock_.now());
  dead.holder.pid = 0x7ffffff0;  // beyond any kernel's limit
  store(dead);
  LockFile namesake = own_lock(LockMode::kExclusive, process_start() - 1h);
  store(namesake);
  const auto lock = acquire(LockMode::kExclusive);
  ASSERT_TRUE(lock) << lock.error().message();
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(LockTest, ANumberOfAnotherContainersProcessIsNotTakenForADeadOneOfOurs) {
  for (const char* space : {"", "another boot/pid:[4026531836]"}) {
    LockFile elsewhere = own_lock(LockMode::kExclusive, clock_.now() - 5min);
    elsewhere.holder.pid = 0x7ffffff0;
    elsewhere.holder.pid_space = space;
    const Id young = store(elsewhere);
    const auto refused = acquire(LockMode::kShared);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::kLocked);
    EXPECT_EQ(files().at(0).id, young);
    // Who asks for it has it removed; and whoever were at work would have renewed it.
    EXPECT_EQ(unlock(*repository_, false, Cancel(), clock_)->removed, 1u);
    elsewhere.time -= 2min;
    store(elsewhere);
    EXPECT_TRUE(acquire(LockMode::kExclusive));
    EXPECT_TRUE(files().empty());
  }
}

TEST_F(LockTest, APowerCutWhileItIsRenewedLetsNobodyElseIn) {
  // Renewing is two writes: the new file, and the old one's removal.
  for (const unsigned write : {1u, 2u}) {
    for (const auto side : {storage::FaultStorage::Side::kBefore, storage::FaultStorage::Side::kAfter}) {
      SCOPED_TRACE(std::to_string(write) + (side == storage::FaultStorage::Side::kBefore ? " before" : " after"));
      const auto others = Repository::open(memory_, kPassword, Cancel());
      ASSERT_TRUE(others);
      auto lock = acquire(LockMode::kExclusive);
      ASSERT_TRUE(lock);
      clock_.advance(4min + 45s);
      faulty_->cut_power(write, side);
      clock_.advance(30s);
      EXPECT_FALSE(faulty_->has_power());
      const auto excluded = [&] {
        const auto before = files().size();
        EXPECT_GE(before, 1u);
        const auto second = Lock::acquire(**others, LockMode::kShared, Cancel(), clock_);
        EXPECT_FALSE(second);
        EXPECT_EQ(files().size(), before);
      };
      excluded();
      clock_.advance(10min);
      excluded();
      faulty_->restore_power();
      clock_.advance(6min);
      EXPECT_FALSE((*lock)->cancel().stopped());
      excluded();
      // The holder dies without a word; what it leaves is stale in half an hour, and then one unlock clears it.
      faulty_->cut_power(1, storage::FaultStorage::Side::kBefore);
      EXPECT_FALSE((*lock)->release());
      lock->reset();
      faulty_->restore_power();
      EXPECT_GE(files().size(), 1u);
      clock_.jump(31min);
      EXPECT_EQ(unlock(*repository_, false, Cancel(), clock_)->left, 0u);
      EXPECT_TRUE(files().empty());
    }
  }
}

TEST_F(LockTest, OurOwnOtherLockCounts) {
  const auto shared = acquire(LockMode::kShared);
  ASSERT_TRUE(shared);
  EXPECT_TRUE(acquire(LockMode::kShared));
  EXPECT_FALSE(acquire(LockMode::kExclusive));
}

TEST_F(LockTest, EmptyFilesAreIgnoredAndUnreadableOnesRefusedAfterAWhile) {
  Id id;
  id.bytes.fill(1);
  ASSERT_TRUE(memory_->put({FileType::kLock, id}, {}, Cancel()));
  EXPECT_TRUE(acquire(LockMode::kExclusive));
  id.bytes.fill(2);
  const ByteView junk[] = {as_bytes("junk")};
  ASSERT_TRUE(memory_->put({FileType::kLock, id}, junk, Cancel()));
  const auto before = clock_.slept();
  const auto lock = acquire(LockMode::kShared);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().kind(), ErrorKind::kLocked);
  EXPECT_GE(clock_.slept() - before, 35s);
}

TEST_F(LockTest, IsReplacedEveryFiveMinutes) {
  auto lock = acquire(LockMode::kShared);
  ASSERT_TRUE(lock);
  const Id first = files().at(0).id;
  clock_.advance(4min + 45s);
  EXPECT_EQ(files().at(0).id, first);
  clock_.advance(30s);
  ASSERT_EQ(files().size(), 1u);
  EXPECT_NE(files().at(0).id, first);
  const auto renewed = read_locks(*repository_, std::nullopt, Cancel(), clock_);
  EXPECT_GE(renewed->at(0).time, clock_.now() - 30s);
  EXPECT_FALSE((*lock)->cancel().stopped());
  EXPECT_TRUE((*lock)->release());
  EXPECT_TRUE((*lock)->release());
  EXPECT_TRUE(files().empty());
}

TEST_F(LockTest, IsLostWhenItCannotBeRenewed) {
  auto lock = acquire(LockMode::kShared);
  ASSERT_TRUE(lock);
  faulty_->cut_power(1, storage::FaultStorage::Side::kBefore);
  clock_.advance(22min);
  EXPECT_FALSE((*lock)->cancel().stopped());
  clock_.jump(1min);
  EXPECT_TRUE(wait_until_lost(**lock));
  const auto why = (*lock)->cancel().check();
  EXPECT_EQ(why.error().kind(), ErrorKind::kLocked);
  EXPECT_NE(why.error().message().find("could not be refreshed for 2"), std::string::npos) << why.error().message();
  EXPECT_NE(why.error().message().find("the power is off"), std::string::npos) << why.error().message();
  EXPECT_FALSE((*lock)->release());
  faulty_->restore_power();
  EXPECT_TRUE((*lock)->release());
  EXPECT_TRUE(files().empty());
}

TEST_F(LockTest, ShortOutagesAreRiddenOut) {
  auto lock = acquire(LockMode::kShared);
  ASSERT_TRUE(lock);
  faulty_->cut_power(1, storage::FaultStorage::Side::kBefore);
  clock_.advance(15min);
  faulty_->restore_power();
  clock_.advance(10min);
  EXPECT_FALSE((*lock)->cancel().stopped());
  EXPECT_GE(read_locks(*repository_, std::nullopt, Cancel(), clock_)->at(0).time, clock_.now() - 10min);
}

TEST_F(LockTest, IsLostWhenSomebodyRemovesIt) {
  auto lock = acquire(LockMode::kShared);
  ASSERT_TRUE(lock);
  ASSERT_TRUE(memory_->remove({FileType::kLock, files().at(0).id}, Cancel()));
  clock_.advance(5min - 15s);
  clock_.jump(30s);
  EXPECT_TRUE(wait_until_lost(**lock));
  const auto why = (*lock)->cancel().check();
  EXPECT_EQ(why.error().kind(), ErrorKind::kLocked);
  EXPECT_NE(why.error().message().find("removed by somebody else"), std::string::npos) << why.error().message();
}

TEST_F(LockTest, WhatRunsUnderItHearsWhyItMustEnd) {
  auto lock = acquire(LockMode::kShared);
  ASSERT_TRUE(lock);
  TaskGroup group((*lock)->cancel());
  group.spawn([](const Cancel& cancel) -> Status {
    TaskGroup inner(cancel);
    inner.spawn([](const Cancel& stop) {
      stop.sleep(1h);
      return Status(fail(ErrorKind::kCancelled, "stopped"));  // without knowing why
    });
    return inner.wait();
  });
  ASSERT_TRUE(memory_->remove({FileType::kLock, files().at(0).id}, Cancel()));
  clock_.advance(5min - 15s);
  clock_.jump(30s);
  EXPECT_EQ(group.wait().error().kind(), ErrorKind::kLocked);
}

TEST_F(LockTest, NothingIsSavedUnderALockThatIsGone) {
  Snapshot snapshot;
  snapshot.time = clock_.now();
  snapshot.tree.bytes.fill(1);
  ASSERT_TRUE(repository_->save_snapshot(snapshot, Cancel()));
  const auto refused = [&](const Lock& lock) {
    const auto saved = repository_->save_snapshot(snapshot, Cancel());
    EXPECT_EQ(saved.error().kind(), ErrorKind::kLocked);
    EXPECT_TRUE(lock.cancel().stopped());
    EXPECT_EQ(repository_->snapshots(Cancel())->size(), 2u);
  };
  {
    auto lock = acquire(LockMode::kShared);
    ASSERT_TRUE(lock);
    snapshot.time += 1s;
    ASSERT_TRUE(repository_->save_snapshot(snapshot, Cancel()));
    ASSERT_TRUE(memory_->remove({FileType::kLock, files().at(0).id}, Cancel()));
    refused(**lock);  // long before it would have been refreshed
  }
  {
    auto lock = acquire(LockMode::kShared);
    ASSERT_TRUE(lock);
    clock_.jump(23min);  // as after a sleep: the refresher may not have woken yet
    refused(**lock);
  }
  // A storage that does not answer is no proof either way.
  auto lock = acquire(LockMode::kShared);
  faulty_->fail_call(storage::Operation::kStat, 1, Error(ErrorKind::kUnavailable, "no answer"));
  EXPECT_EQ(repository_->save_snapshot(snapshot, Cancel()).error().kind(), ErrorKind::kUnavailable);
  EXPECT_TRUE(repository_->save_snapshot(snapshot, Cancel()));
  // And once it is let go, nobody asks it any more.
  ASSERT_TRUE((*lock)->release());
  EXPECT_TRUE(repository_->save_snapshot(snapshot, Cancel()));
}

TEST_F(LockTest, IsLostWhenTheMachineSleptTooLong) {
  auto lock = acquire(LockMode::kShared);
  ASSERT_TRUE(lock);
  clock_.advance(kRefresherStep);
  clock_.jump(2h);
  EXPECT_TRUE(wait_until_lost(**lock));
}

TEST_F(LockTest, StopsWithItsParentAndIsRemovedAllTheSame) {
  std::stop_source stop;
  auto lock = Lock::acquire(*repository_, LockMode::kShared, Cancel(stop.get_token()), clock_);
  ASSERT_TRUE(lock);
  stop.request_stop();
  EXPECT_TRUE((*lock)->cancel().stopped());
  EXPECT_EQ((*lock)->cancel().check().error().kind(), ErrorKind::kCancelled);
  lock->reset();
  EXPECT_TRUE(files().empty());
}

TEST_F(LockTest, NothingIsLeftBehindWhenItCannotBeHad) {
  for (unsigned call = 1; call <= 4; ++call) {
    faulty_->fail_call(call, Error(ErrorKind::kUnavailable, "no answer"));
    const auto lock = acquire(LockMode::kShared);
    if (lock) continue;
    EXPECT_TRUE(files().empty()) << call;
  }
}

}  // namespace
}  // namespace varve::repo
