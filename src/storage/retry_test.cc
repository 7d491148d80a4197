#include "storage/retry.h"

#include <gtest/gtest.h>

#include "storage/fault.h"
#include "storage/memory.h"
#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

using std::chrono::nanoseconds;
using testing::put;

/// Time passes only while somebody sleeps.
class SleepClock final : public Clock {
 public:
  Time now() const override { return Time(slept_); }
  nanoseconds ticks() const override { return slept_; }
  bool sleep(nanoseconds duration, const Cancel& cancel) const override {
    naps_.push_back(duration);
    slept_ += duration;
    if (meanwhile) meanwhile();
    return !cancel.stopped();
  }
  void pass(nanoseconds time) { slept_ += time; }
  const std::vector<nanoseconds>& naps() const { return naps_; }
  std::function<void()> meanwhile;

 private:
  mutable nanoseconds slept_{};
  mutable std::vector<nanoseconds> naps_;
};

Error gone() {
  return Error(ErrorKind::kUnavailable, "gone").hint("wait");
}

class Retry : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(below_->create(Cancel())); }
  RetryStorage make(nanoseconds budget = std::chrono::minutes(15)) {
    return RetryStorage(faults_,
                        {.budget = budget,
                         .first_budget = std::chrono::seconds(20),
                         .notice = [&](const Error&, nanoseconds) { ++notices_; }},
                        clock_);
  }
  void fail_next(Operation operation, unsigned times) {
    for (unsigned i = 1; i <= times; ++i) faults_->fail_call(operation, i, gone());
  }

  std::shared_ptr<MemoryStorage> below_ = std::make_shared<MemoryStorage>();
  std::shared_ptr<FaultStorage> faults_ = std::make_shared<FaultStorage>(below_);
  SleepClock clock_;
  int notices_ = 0;
  const Bytes bytes_ = testing::content(100);
  const Handle handle_ = testing::handle_for(FileType::kPack, bytes_);
};

TEST_F(Retry, TriesAgainAfterEverLongerWaits) {
  auto storage = make();
  ASSERT_TRUE(put(storage, handle_, bytes_));
  fail_next(Operation::kStat, 5);
  EXPECT_EQ(storage.stat(handle_, Cancel()), 100u);
  ASSERT_EQ(clock_.naps().size(), 5u);
  for (size_t i = 0; i < 5; ++i) EXPECT_LT(clock_.naps()[i], std::chrono::milliseconds(500) * (1 << i));
  EXPECT_EQ(notices_, 5);
}

TEST_F(Retry, RemovesAgainWhatIsLeftOfSeveral) {
  auto storage = make();
  std::vector<Handle> handles;
  for (const char* text : {"a", "b", "c"}) {
    handles.push_back(testing::handle_for(FileType::kPack, as_bytes(text)));
    ASSERT_TRUE(put(storage, handles.back(), as_bytes(text)));
  }
  faults_->forget_calls();
  faults_->fail_call(Operation::kRemove, 2, gone());
  faults_->fail_call(Operation::kRemove, 4, Error(ErrorKind::kDenied, "no"));
  const auto outcomes = storage.remove_some(handles, Cancel());
  ASSERT_EQ(outcomes.size(), 3u);
  EXPECT_TRUE(outcomes[0]);
  ASSERT_FALSE(outcomes[1]);
  EXPECT_EQ(outcomes[1].error().kind(), ErrorKind::kDenied);
  EXPECT_TRUE(outcomes[2]);
  EXPECT_EQ(faults_->calls().size(), 4u) << "only the second once more";
  fail_next(Operation::kRemove, 100);
  const auto given_up = storage.remove_some({&handles[1], 1}, Cancel());
  EXPECT_EQ(given_up[0].error().kind(), ErrorKind::kUnavailable);
  EXPECT_NE(given_up[0].error().message().find("attempts"), std::string::npos);
}

TEST_F(Retry, ReadsAgain) {
  auto storage = make();
  ASSERT_TRUE(put(storage, handle_, bytes_));
  fail_next(Operation::kGet, 2);
  EXPECT_EQ(storage.get(handle_, 0, 0, Cancel()), bytes_);
}

TEST_F(Retry, LeavesOtherErrorsAlone) {
  auto storage = make();
  faults_->fail_call(Operation::kPut, 1, Error(ErrorKind::kDenied, "no"));
  EXPECT_EQ(put(storage, handle_, bytes_).error().kind(), ErrorKind::kDenied);
  EXPECT_EQ(storage.stat(handle_, Cancel()).error().kind(), ErrorKind::kNotFound);
  EXPECT_TRUE(clock_.naps().empty());
}

TEST_F(Retry, GivesUpWhenItsTimeIsOver) {
  auto storage = make();
  ASSERT_TRUE(put(storage, handle_, bytes_));
  faults_->cut_power(1, FaultStorage::Side::kBefore);
  const auto lost = storage.put(testing::handle_for(FileType::kLock, {}), {}, Cancel());
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind(), ErrorKind::kUnavailable);
  EXPECT_NE(lost.error().message().find(" attempts in "), std::string::npos) << lost.error().message();
  EXPECT_GT(clock_.ticks(), std::chrono::minutes(13));
  EXPECT_LE(clock_.ticks(), std::chrono::minutes(15));
}

TEST_F(Retry, WaitsLessForAPlaceThatHasNeverAnswered) {
  auto storage = make();
  faults_->cut_power(1, FaultStorage::Side::kBefore);
  EXPECT_FALSE(put(storage, handle_, bytes_));
  EXPECT_LE(clock_.ticks(), std::chrono::seconds(20));
}

TEST_F(Retry, TriesOnceWithoutTime) {
  auto storage = make(nanoseconds(0));
  fail_next(Operation::kStat, 1);
  const auto size = storage.stat(handle_, Cancel());
  EXPECT_EQ(size.error().message(), "cannot look at " + handle_.path() + " of " + storage.location() + ": gone");
  EXPECT_EQ(size.error().hints().size(), 1u);
}

TEST_F(Retry, TriesAgainWhatTookLongToFail) {
  auto storage = make();
  ASSERT_TRUE(put(storage, handle_, bytes_));
  fail_next(Operation::kStat, 1);
  faults_->meanwhile(Operation::kStat, FileType::kPack, [&] { clock_.pass(std::chrono::hours(1)); });
  EXPECT_EQ(storage.stat(handle_, Cancel()), 100u);
}

TEST_F(Retry, StopsWaitingWhenItIsTold) {
  auto storage = make();
  std::stop_source source;
  clock_.meanwhile = [&] { source.request_stop(); };
  fail_next(Operation::kStat, 1);
  EXPECT_EQ(storage.stat(handle_, Cancel(source.get_token())).error().kind(), ErrorKind::kCancelled);
}

TEST_F(Retry, FindsThatAFileWasStoredThoughItsAnswerWasLost) {
  auto storage = make();
  clock_.meanwhile = [&] { faults_->restore_power(); };
  faults_->cut_power(1, FaultStorage::Side::kAfter);
  EXPECT_TRUE(put(storage, handle_, bytes_));
  EXPECT_EQ(below_->get(handle_, 0, 0, Cancel()), bytes_);
  faults_->cut_power(1, FaultStorage::Side::kAfter);
  EXPECT_TRUE(put(storage, testing::kConfig, bytes_));
  EXPECT_EQ(below_->get(testing::kConfig, 0, 0, Cancel()), bytes_);
}

TEST_F(Retry, FindsThatItsFirstTryWasStillUnderWay) {
  for (const auto& handle : {handle_, testing::kConfig}) {
    auto storage = make();
    fail_next(Operation::kPut, 1);  // it comes to its end when the second try has looked
    faults_->meanwhile(Operation::kStat, handle.type, [&] { ASSERT_TRUE(put(*below_, handle, bytes_)); });
    EXPECT_TRUE(put(storage, handle, bytes_));
  }
}

TEST_F(Retry, TakesNobodyElsesConfigForItsOwn) {
  auto storage = make();
  fail_next(Operation::kPut, 1);
  clock_.meanwhile = [&] { ASSERT_TRUE(put(*below_, testing::kConfig, testing::content(100, 1))); };
  EXPECT_EQ(put(storage, testing::kConfig, bytes_).error().kind(), ErrorKind::kExists);
}

TEST_F(Retry, TakesNoFileOfAnotherSizeForTheOneItStored) {
  auto storage = make();
  fail_next(Operation::kPut, 1);
  clock_.meanwhile = [&] { ASSERT_TRUE(put(*below_, handle_, testing::content(99))); };
  EXPECT_EQ(put(storage, handle_, bytes_).error().kind(), ErrorKind::kExists);
}

TEST_F(Retry, SaysThatAFileIsThereWhichItDidNotStore) {
  auto storage = make();
  ASSERT_TRUE(put(storage, handle_, bytes_));
  EXPECT_EQ(put(storage, handle_, bytes_).error().kind(), ErrorKind::kExists);
}

TEST_F(Retry, FindsThatAFileWasRemovedThoughItsAnswerWasLost) {
  auto storage = make();
  ASSERT_TRUE(put(storage, handle_, bytes_));
  clock_.meanwhile = [&] { faults_->restore_power(); };
  faults_->cut_power(1, FaultStorage::Side::kAfter);
  EXPECT_TRUE(storage.remove(handle_, Cancel()));
  EXPECT_EQ(storage.remove(handle_, Cancel()).error().kind(), ErrorKind::kNotFound);
}

TEST_F(Retry, ListsEachFileOnceAndNoVisitorTwice) {
  auto storage = make();
  ASSERT_TRUE(put(storage, handle_, bytes_));
  fail_next(Operation::kList, 2);
  EXPECT_EQ(testing::listed(storage, FileType::kPack)->size(), 1u);
  const auto visited = storage.list(
      FileType::kPack, [](const FileInfo&) -> Status { return fail(gone()); }, Cancel());
  EXPECT_EQ(visited.error().message(), "gone");
  EXPECT_EQ(clock_.naps().size(), 2u) << "the visitor's error is no failure of the storage";
}

}  // namespace
}  // namespace varve::storage
