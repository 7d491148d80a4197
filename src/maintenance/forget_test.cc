#include "maintenance/forget.h"

#include <gtest/gtest.h>

#include "maintenance/testing/garbage.h"
#include "repo/lock.h"
#include "repo/testing/power_cuts.h"
#include "repo/testing/small_backup.h"
#include "repo/unlock.h"
#include "storage/fault.h"

namespace varve::maintenance {
namespace {

using namespace std::chrono_literals;
using repo::testing::back_up;
using repo::testing::make_repository;
using repo::testing::open_repository;
using repo::testing::sample_text;

const Time kStart = Time(std::chrono::sys_days(std::chrono::year(2026) / 5 / 1));

/// A snapshot a day of each host; each has a file of its own and one that stays the same.
std::shared_ptr<storage::MemoryStorage> repository_of(const std::vector<std::string>& hosts, unsigned days) {
  auto storage = std::make_shared<storage::MemoryStorage>();
  const auto repository = make_repository(storage);
  for (const auto& host : hosts) {
    for (unsigned day = 0; day < days; ++day) {
      const repo::testing::Files files = {{"same/" + host, sample_text(3000, 1)},
                                          {"own", sample_text(2000, 10 * day + host.size())}};
      EXPECT_TRUE(back_up(*repository, files, {.time = kStart + 24h * day, .host = host}));
    }
  }
  return storage;
}

Result<std::vector<ForgetGroup>> plan(const std::shared_ptr<storage::Storage>& storage, const ForgetOptions& options) {
  const auto repository = *open_repository(storage);
  return plan_forget(*repository->snapshots(Cancel()), options, kStart + 24h * 365);
}

TEST(Forget, KeepsByGroup) {
  const auto groups = *plan(repository_of({"a", "bb"}, 4), {.policy = {.last = 3}});
  ASSERT_EQ(groups.size(), 2u);
  for (const auto& group : groups) {
    EXPECT_EQ(group.decision.keep.size(), 3u);
    ASSERT_EQ(group.decision.remove.size(), 1u);
    EXPECT_EQ(group.decision.remove[0].time, kStart);
  }
}

TEST(Forget, RemovesNothingWithoutAPolicy) {
  const auto storage = repository_of({"a"}, 2);
  EXPECT_FALSE(plan(storage, {}));
  EXPECT_FALSE(plan(storage, {.remove_all = true})) << "every snapshot there is";
  EXPECT_FALSE(plan(storage, {.narrowed = true}));
  const auto all = plan(storage, {.narrowed = true, .remove_all = true});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->front().decision.remove.size(), 2u);
}

TEST(Forget, RefusesToTakeTheLastOfAGroup) {
  const auto storage = repository_of({"a", "bb"}, 2);
  const auto refused = plan(storage, {.policy = {.tags = {{"keep"}}}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("host a"), std::string::npos) << refused.error().message();
  EXPECT_FALSE(plan(storage, {.policy = {.tags = {{"keep"}}}, .narrowed = true, .remove_all = true}));
}

TEST(Forget, TellsWhatItCouldNotRemoveAndRemovesTheRest) {
  const auto storage = std::make_shared<storage::FaultStorage>(repository_of({"a"}, 4));
  const auto repository = *open_repository(storage);
  std::vector<Id> ids;
  const auto snapshots = *repository->snapshots(Cancel());
  for (const auto& snapshot : snapshots) ids.push_back(snapshot.id);
  storage->fail_call(storage::Operation::kRemove, 2, Error(ErrorKind::kDenied, "no right to remove"));
  const auto result = *remove_snapshots(*repository, ids, Cancel());
  EXPECT_EQ(result.removed.size(), 3u);
  ASSERT_EQ(result.failed.size(), 1u);
  EXPECT_EQ(result.failed[0].second.message(), "no right to remove");
  EXPECT_EQ(repository->snapshots(Cancel())->size(), 1u);
}

TEST(Forget, RemovesNothingUnderALockThatIsGone) {
  const auto storage = repository_of({"a"}, 4);
  const auto repository = *open_repository(storage);
  const auto lock = repo::Lock::acquire(*repository, repo::LockMode::kExclusive, Cancel());
  ASSERT_TRUE(lock);
  ASSERT_TRUE(repo::unlock(*repository, true, Cancel()));  // somebody who should not have
  std::vector<Id> ids;
  const auto snapshots = *repository->snapshots(Cancel());
  for (const auto& snapshot : snapshots) ids.push_back(snapshot.id);
  EXPECT_EQ(remove_snapshots(*repository, ids, Cancel()).error().kind(), ErrorKind::kLocked);
  EXPECT_EQ(repository->snapshots(Cancel())->size(), 4u);
}

TEST(Forget, SurvivesPowerCuts) {
  const auto prepared = repository_of({"a", "bb"}, 3);
  const auto is_old = [](const repo::Snapshot& snapshot) { return snapshot.time < kStart + 48h; };
  repo::testing::PowerCutTest test;
  test.may_vanish = is_old;
  test.operation = [&](const std::shared_ptr<storage::Storage>& storage) -> Status {
    TRY_ASSIGN(const auto repository, open_repository(storage));
    TRY_ASSIGN(auto snapshots, repository->snapshots(Cancel()));
    TRY_ASSIGN(const auto groups, plan_forget(std::move(snapshots), {.policy = {.last = 1}}, kStart + 24h * 9));
    std::vector<Id> ids;
    for (const auto& group : groups) {
      for (const auto& snapshot : group.decision.remove) ids.push_back(snapshot.id);
    }
    TRY_ASSIGN(const auto result, remove_snapshots(*repository, ids, Cancel()));
    if (!result.failed.empty()) return fail(result.failed[0].second);
    SilentReporter reporter;
    TRY_ASSIGN(const auto pruned, prune(*repository, {}, reporter, Cancel()));
    return pruned.left.empty() ? Status() : fail(ErrorKind::kUnavailable, pruned.left.front());
  };
  test.after = [&](const std::shared_ptr<storage::Storage>& storage) {
    EXPECT_TRUE(test.operation(storage)) << "the next one does the rest";
    EXPECT_EQ((*open_repository(storage))->snapshots(Cancel())->size(), 2u);
    testing::expect_prune_leaves_no_garbage(storage);
  };
  EXPECT_GE(repo::testing::survive_power_cuts(*prepared, test), 20u);
}

}  // namespace
}  // namespace varve::maintenance
