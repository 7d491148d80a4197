#include "storage/read_ahead.h"

#include <gtest/gtest.h>

#include "storage/fault.h"
#include "storage/memory.h"
#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

/// One of which a call takes long, and which counts those that get.
class FarStorage final : public Storage {
 public:
  explicit FarStorage(std::shared_ptr<Storage> below) : below_(std::move(below)) {}
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override {
    gets.emplace_back(offset, length);
    return below_->get(handle, offset, length, cancel);
  }
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override { return below_->stat(handle, cancel); }
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override {
    return below_->list(type, visit, cancel);
  }
  Status create(const Cancel& cancel) override { return below_->create(cancel); }
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override {
    return below_->put(handle, payload, cancel);
  }
  Status remove(const Handle& handle, const Cancel& cancel) override { return below_->remove(handle, cancel); }
  std::string location() const override { return "far"; }
  Pace pace() const override { return Pace::far(5); }

  std::vector<std::pair<uint64_t, uint64_t>> gets;

 private:
  const std::shared_ptr<Storage> below_;
};

class ReadAheadTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kBlock = 1u << 20;

  void SetUp() override {
    const ByteView pieces[] = {bytes_};
    ASSERT_TRUE(faulty_->create(Cancel()));
    ASSERT_TRUE(faulty_->put(pack_, pieces, Cancel()));
  }
  void expect(uint64_t offset, uint64_t length) {
    const auto got = ahead_.get(pack_, offset, length, Cancel());
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(*got, Bytes(bytes_.begin() + static_cast<std::ptrdiff_t>(offset),
                          bytes_.begin() + static_cast<std::ptrdiff_t>(offset + length)));
  }

  const Bytes bytes_ = testing::content(2 * kBlock + 1000);
  const Handle pack_ = testing::handle_for(FileType::kPack, bytes_);
  const std::shared_ptr<FaultStorage> faulty_ = std::make_shared<FaultStorage>(std::make_shared<MemoryStorage>());
  FarStorage far_{faulty_};
  ReadAhead ahead_{far_};
};

TEST_F(ReadAheadTest, GetsABlockForAllThatLiesInIt) {
  expect(900, 100);
  expect(0, 900);
  expect(kBlock - 10, 10);
  expect(2 * kBlock + 990, 10);
  expect(2 * kBlock, 1000);
  EXPECT_EQ(far_.gets, (std::vector<std::pair<uint64_t, uint64_t>>{{0, kBlock}, {2 * kBlock, 1000}}));
}

TEST_F(ReadAheadTest, PassesOnWhatLiesInNoBlock) {
  expect(kBlock - 10, 11);
  EXPECT_EQ(ahead_.get(pack_, 2 * kBlock + 990, 11, Cancel()).error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(*ahead_.get(pack_, 0, 0, Cancel()), bytes_);
  EXPECT_EQ(ahead_.get({FileType::kPack, Id{}}, 0, 1, Cancel()).error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(far_.gets, (std::vector<std::pair<uint64_t, uint64_t>>{{kBlock - 10, 11}, {2 * kBlock + 990, 11}, {0, 0}}));
}

TEST_F(ReadAheadTest, ReadsAnewWhatIsAskedForAgain) {
  expect(5, 10);
  expect(5, 10);
  EXPECT_EQ(far_.gets.back(), (std::pair<uint64_t, uint64_t>(5, 10)));
}

TEST_F(ReadAheadTest, ABadSectorSpoilsOnlyWhatLiesInIt) {
  faulty_->fail_call(Operation::kGet, 1, Error(ErrorKind::kCorrupt, "bad sector"));
  expect(5, 10);
  faulty_->fail_call(Operation::kGet, 1, Error(ErrorKind::kUnavailable, "no answer"));
  EXPECT_EQ(ahead_.get(pack_, 20, 10, Cancel()).error().kind(), ErrorKind::kUnavailable);
}

TEST_F(ReadAheadTest, KeepsTheLastBlocksOnly) {
  Bytes large = testing::content(66 * kBlock);
  const Handle pack = testing::handle_for(FileType::kPack, large);
  const ByteView pieces[] = {large};
  ASSERT_TRUE(faulty_->put(pack, pieces, Cancel()));
  for (uint64_t block = 0; block < 66; ++block) ASSERT_TRUE(ahead_.get(pack, block * kBlock, 10, Cancel()));
  ASSERT_TRUE(ahead_.get(pack, 65 * kBlock + 10, 10, Cancel()));
  EXPECT_EQ(far_.gets.size(), 66u);
  ASSERT_TRUE(ahead_.get(pack, 10, 10, Cancel()));
  EXPECT_EQ(far_.gets.size(), 67u);
}

TEST(ReadAhead, AsksNearPlacesForWhatIsWantedOnly) {
  const Bytes bytes = testing::content(1000);
  const Handle pack = testing::handle_for(FileType::kPack, bytes);
  FaultStorage near(std::make_shared<MemoryStorage>());
  const ByteView pieces[] = {bytes};
  ASSERT_TRUE(near.create(Cancel()));
  ASSERT_TRUE(near.put(pack, pieces, Cancel()));
  ReadAhead ahead(near);
  EXPECT_EQ(ahead.get(pack, 5, 10, Cancel())->size(), 10u);
  near.fail_call(Operation::kGet, 1, Error(ErrorKind::kUnavailable, "no answer"));
  EXPECT_FALSE(ahead.get(pack, 15, 10, Cancel())) << "it was read already";
}

}  // namespace
}  // namespace varve::storage
