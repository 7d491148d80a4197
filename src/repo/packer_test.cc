#include "repo/packer.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/channel.h"
#include "base/task_group.h"
#include "codec/sha256.h"

namespace varve::repo {
namespace {

constexpr uint64_t kPack = 1000;

class PackerTest : public testing::Test {
 protected:
  Result<std::optional<PackBuilder>> add(BlobType type, size_t size, const Cancel& cancel = {}) {
    Bytes unit(size);
    random_bytes(unit);
    return packer_.add(type, codec::sha256(unit), unit, 0, cancel);
  }
  /// Adds blobs until a pack is full.
  PackBuilder fill(BlobType type) {
    while (true) {
      auto full = add(type, 100);
      if (!full) throw std::runtime_error(full.error().message());
      if (*full) return std::move(**full);
    }
  }

  std::vector<PackBuilder> fill(BlobType type, size_t packs) {
    std::vector<PackBuilder> full;
    while (full.size() < packs) full.push_back(fill(type));
    return full;
  }

  static constexpr size_t kPacks = 3;
  const codec::SealKey key_;
  Packer packer_{key_, kPack, kPacks};
};

TEST_F(PackerTest, HoldsNoMorePacksOfATypeThanItMay) {
  const auto uploading = fill(BlobType::kData, kPacks);
  std::stop_source stop;
  std::jthread later([&] { stop.request_stop(); });
  const auto refused = add(BlobType::kData, 100, Cancel(stop.get_token()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kCancelled);
  EXPECT_TRUE(add(BlobType::kTree, 100)) << "those are not counted together";
}

TEST_F(PackerTest, GoesOnWhenOneIsStored) {
  auto uploading = fill(BlobType::kData, kPacks);
  std::jthread storing([&] { packer_.recycle(std::move(uploading.back())); });
  EXPECT_TRUE(add(BlobType::kData, 100));
}

TEST_F(PackerTest, FillsWhatThereIsWhereThereMayBeNoMore) {
  const auto uploading = fill(BlobType::kData, kPacks - 1);
  for (int i = 0; i < 100; ++i) {  // whichever the coin chooses
    auto full = add(BlobType::kData, 100);
    ASSERT_TRUE(full);
    if (*full) packer_.recycle(std::move(**full));
  }
}

TEST_F(PackerTest, GoesOnWithOnePackOfATypeWhateverComes) {
  Packer packer(key_, kPack, 1);
  TaskGroup group{Cancel()};
  Channel<PackBuilder> uploads(1);
  for (int uploader = 0; uploader < 2; ++uploader) {
    group.spawn([&](const Cancel& cancel) -> Status {
      while (auto pack = uploads.pop(cancel)) packer.recycle(std::move(*pack));
      return {};
    });
  }
  std::atomic<int> workers = 4;
  for (int worker = 0; worker < 4; ++worker) {
    group.spawn([&](const Cancel& cancel) -> Status {
      const Bytes unit(300);
      for (int i = 0; i < 5000; ++i) {
        const auto type = i % 3 == 0 ? BlobType::kTree : BlobType::kData;
        TRY_ASSIGN(auto full, packer.add(type, codec::sha256(unit), unit, 0, cancel));
        if (full && !uploads.push(std::move(*full), cancel)) return cancel.check();
      }
      if (--workers == 0) uploads.close();
      return {};
    });
  }
  EXPECT_TRUE(group.wait());
  EXPECT_LE(packer.flush().size(), 2u);
}

TEST_F(PackerTest, ABlobAsLargeAsAPackTakesNoPlace) {
  const auto uploading = fill(BlobType::kData, kPacks);
  auto own = add(BlobType::kData, kPack);
  ASSERT_TRUE(own && *own);
  EXPECT_EQ((*own)->blobs().size(), 1u);
  packer_.recycle(std::move(**own));
}

}  // namespace
}  // namespace varve::repo
