#include "repo/pack_hasher.h"

#include <future>

#include <gtest/gtest.h>

#include "repo/check.h"
#include "repo/testing/small_backup.h"
#include "repo/unpacked.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::repo {
namespace {

using namespace testing;
using storage::FileType;

class PackHasherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "has nothing to do on one core";
    BackupOptions options;
    options.blob_size = 10'000;
    ASSERT_TRUE(back_up(*repository_, {{"dump/shop/orders.bson", std::string(100'000, 'x')}}, options));
    packs_ = *list_files(*memory_, FileType::kPack, Cancel());
    ASSERT_GE(packs_.size(), 2u);
  }
  /// Of all packs.
  HashedPacks hash() {
    PackHasher hasher;
    std::promise<void> all_read;
    faulty_->forget_calls();
    hasher.start(faulty_);
    const auto listed = [&] {
      for (const auto& call : faulty_->calls()) {
        if (call.operation == storage::Operation::kList) return true;
      }
      return false;
    };
    while (!listed()) std::this_thread::yield();  // a call is there once it has ended
    return hasher.stop();
  }
  CheckResult check_with(HashedPacks hashed) {
    auto result = check(*repository_, {.read_data = true, .hashed = std::move(hashed)}, {}, Cancel());
    EXPECT_TRUE(result);
    return std::move(*result);
  }

  std::shared_ptr<storage::MemoryStorage> memory_ = std::make_shared<storage::MemoryStorage>();
  std::shared_ptr<storage::FaultStorage> faulty_ = std::make_shared<storage::FaultStorage>(memory_);
  std::unique_ptr<Repository> repository_ = make_repository(faulty_);
  std::vector<storage::FileInfo> packs_;
};

TEST_F(PackHasherTest, GivesThePacksThatAreWhatTheirNamesSay) {
  ASSERT_TRUE(faulty_->corrupt({FileType::kPack, packs_[0].id}, 5));
  const auto good = hash();
  EXPECT_EQ(good.size(), packs_.size() - 1);
  EXPECT_FALSE(good.contains(packs_[0].id));
  EXPECT_EQ(good.at(packs_[1].id), packs_[1].size);
}

TEST_F(PackHasherTest, StopsBeforeItsEnd) {
  PackHasher hasher;
  EXPECT_TRUE(hasher.stop().empty());
  hasher.start(faulty_);
  EXPECT_LE(hasher.stop().size(), packs_.size());
}

TEST_F(PackHasherTest, WhatComesToBeWrongAfterItIsFoundAllTheSame) {
  const auto good = hash();
  EXPECT_TRUE(check_with(good).ok());
  for (const auto& pack : packs_) {
    // Blobs, the header, and its length.
    for (const uint64_t at : {uint64_t{20}, pack.size - 10, pack.size - 1}) {
      ASSERT_TRUE(faulty_->corrupt({FileType::kPack, pack.id}, at));
      EXPECT_FALSE(check_with(good).ok()) << at;
      ASSERT_TRUE(faulty_->corrupt({FileType::kPack, pack.id}, at));
    }
    ASSERT_TRUE(check_with(good).ok());
  }
}

}  // namespace
}  // namespace varve::repo
