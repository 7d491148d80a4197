#include "storage/fault.h"

#include <gtest/gtest.h>

#include "storage/memory.h"
#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

using testing::put;

class Fault : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(below_->create(Cancel()));
    for (int i = 0; i < 4; ++i) {
      bytes_.push_back(testing::content(10, static_cast<uint64_t>(i)));
      handles_.push_back(testing::handle_for(FileType::kPack, bytes_.back()));
    }
  }
  Status store(size_t i) { return put(fault_, handles_[i], bytes_[i]); }

  std::shared_ptr<MemoryStorage> below_ = std::make_shared<MemoryStorage>();
  FaultStorage fault_{below_};
  std::vector<Bytes> bytes_;
  std::vector<Handle> handles_;
};

TEST_F(Fault, FailsTheCallItWasToldTo) {
  fault_.fail_call(2, Error(ErrorKind::kDenied, "no"));
  EXPECT_TRUE(store(0));
  EXPECT_EQ(store(1).error().kind(), ErrorKind::kDenied);
  EXPECT_TRUE(store(1));
}

TEST_F(Fault, CountsOneOperationAlone) {
  fault_.fail_call(Operation::kPut, 2, Error(ErrorKind::kNoSpace, "full"));
  EXPECT_TRUE(store(0));
  EXPECT_TRUE(fault_.get(handles_[0], 0, 0, Cancel()));
  EXPECT_EQ(store(1).error().kind(), ErrorKind::kNoSpace);
  EXPECT_EQ(fault_.stat(handles_[1], Cancel()).error().kind(), ErrorKind::kNotFound);
}

TEST_F(Fault, LosesTheWriteBeforeWhichThePowerFails) {
  fault_.cut_power(2, FaultStorage::Side::kBefore);
  EXPECT_TRUE(store(0));
  EXPECT_TRUE(fault_.stat(handles_[0], Cancel())) << "reads do not count";
  EXPECT_EQ(store(1).error().kind(), ErrorKind::kUnavailable);
  EXPECT_FALSE(fault_.has_power());
  EXPECT_FALSE(fault_.stat(handles_[0], Cancel()));
  EXPECT_FALSE(store(2));
  EXPECT_EQ(testing::listed(*below_, FileType::kPack)->size(), 1u);
}

TEST_F(Fault, KeepsTheWriteAfterWhichThePowerFails) {
  ASSERT_TRUE(store(0));
  fault_.cut_power(2, FaultStorage::Side::kAfter);
  EXPECT_TRUE(store(1));
  EXPECT_EQ(fault_.remove(handles_[0], Cancel()).error().kind(), ErrorKind::kUnavailable);
  EXPECT_FALSE(store(2));
  EXPECT_EQ(testing::listed(*below_, FileType::kPack), (std::map<Id, uint64_t>{{handles_[1].id, 10}}));
}

TEST_F(Fault, GoesOnWhenThePowerIsBack) {
  fault_.cut_power(1, FaultStorage::Side::kBefore);
  EXPECT_FALSE(store(0));
  fault_.restore_power();
  EXPECT_TRUE(fault_.has_power());
  EXPECT_TRUE(store(0));
}

TEST_F(Fault, RemembersWhatWasAsked) {
  ASSERT_TRUE(store(0));
  fault_.forget_calls();
  EXPECT_FALSE(store(0));
  EXPECT_TRUE(testing::listed(fault_, FileType::kIndex));
  const auto calls = fault_.calls();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].operation, Operation::kPut);
  EXPECT_EQ(calls[0].handle, handles_[0]);
  EXPECT_FALSE(calls[0].succeeded);
  EXPECT_EQ(calls[1].operation, Operation::kList);
  EXPECT_EQ(calls[1].handle.type, FileType::kIndex);
  EXPECT_TRUE(calls[1].succeeded);
}

TEST_F(Fault, DamagesFilesUnseen) {
  ASSERT_TRUE(store(0));
  fault_.forget_calls();
  ASSERT_TRUE(fault_.corrupt(handles_[0], 3, 0x80));
  Bytes expected = bytes_[0];
  expected[3] ^= 0x80;
  EXPECT_EQ(below_->get(handles_[0], 0, 0, Cancel()), expected);
  ASSERT_TRUE(fault_.truncate(handles_[0], 4));
  EXPECT_EQ(below_->stat(handles_[0], Cancel()), 4u);
  EXPECT_FALSE(fault_.corrupt(handles_[0], 4));
  EXPECT_TRUE(fault_.calls().empty());
}

TEST_F(Fault, GivesNothingOverABadSector) {
  ASSERT_TRUE(store(0));
  ASSERT_TRUE(store(1));
  fault_.spoil_sector(handles_[0], 4);
  for (const auto& [offset, length] : {std::pair<uint64_t, uint64_t>{0, 0}, {0, 5}, {4, 1}, {2, 0}, {0, 5}}) {
    EXPECT_EQ(fault_.get(handles_[0], offset, length, Cancel()).error().kind(), ErrorKind::kCorrupt);
  }
  for (const auto& [offset, length] : {std::pair<uint64_t, uint64_t>{0, 4}, {5, 0}, {5, 3}}) {
    EXPECT_TRUE(fault_.get(handles_[0], offset, length, Cancel()));
  }
  EXPECT_TRUE(fault_.get(handles_[1], 0, 0, Cancel()));
  EXPECT_EQ(fault_.stat(handles_[0], Cancel()), 10u);
}

}  // namespace
}  // namespace varve::storage
