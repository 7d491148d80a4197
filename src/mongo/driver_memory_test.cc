#include <cstring>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include "mongo/driver.h"

namespace varve::mongo {
namespace {

constexpr size_t kMiB = 1u << 20;

TEST(DriverMemory, ALargeBlockGoesRound) {
  start_driver();
  void* const first = bson_malloc(32 * kMiB);
  bson_free(first);
  void* const second = bson_malloc(20 * kMiB);
  EXPECT_EQ(second, first);
  void* const third = bson_malloc(20 * kMiB);
  EXPECT_NE(third, second);
  bson_free(second);
  bson_free(third);
}

TEST(DriverMemory, WhatGrowsKeepsItsContent) {
  start_driver();
  bson_free(bson_malloc(32 * kMiB));  // so that one lies idle
  auto* bytes = static_cast<uint8_t*>(bson_malloc(100));
  std::memset(bytes, 7, 100);
  for (const size_t size : {2 * kMiB, 30 * kMiB, 60 * kMiB}) {
    bytes = static_cast<uint8_t*>(bson_realloc(bytes, size));
    for (size_t i = 0; i < 100; ++i) ASSERT_EQ(bytes[i], 7);
    bytes[size - 1] = 1;
  }
  bson_free(bytes);
}

TEST(DriverMemory, WhatTheDriverAlignsIsAligned) {
  start_driver();
  std::vector<void*> documents;
  for (int i = 0; i < 100; ++i) documents.push_back(bson_new());
  for (void* document : documents) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(document) % alignof(bson_t), 0u);
    bson_destroy(static_cast<bson_t*>(document));
  }
}

TEST(DriverMemory, NoMoreThanAFewStayIdle) {
  start_driver();
  const auto held = [] {
    const auto all = ::mallinfo2();
    return all.hblkhd + all.uordblks;
  };
  const size_t before = held();
  if (before == 0) GTEST_SKIP() << "a sanitizer's allocator is in place, which does not tell what is held";
  std::vector<void*> blocks;
  for (int i = 0; i < 20; ++i) blocks.push_back(bson_malloc(32 * kMiB));
  EXPECT_GE(held(), before + 400 * kMiB);
  for (void* block : blocks) bson_free(block);
  EXPECT_LE(held(), before + 161 * kMiB);
}

}  // namespace
}  // namespace varve::mongo
