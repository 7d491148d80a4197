#include "base/task_group.h"
#include "repo/lock.h"
#include "repo/testing/lock_fixture.h"

namespace varve::repo {
namespace {

using namespace testing;
using storage::FileType;

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
