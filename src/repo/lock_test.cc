#include "repo/lock.h"

#include <atomic>
#include <future>

#include "repo/testing/lock_fixture.h"
#include "repo/unlock.h"

namespace varve::repo {
namespace {

using namespace testing;
using storage::FileType;

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

}  // namespace
}  // namespace varve::repo
