#include "repo/buffer_pool.h"

#include <gtest/gtest.h>

namespace varve::repo {
namespace {

Bytes with_room(size_t size) {
  Bytes buffer;
  buffer.reserve(size);
  buffer.push_back(1);
  return buffer;
}

TEST(BufferPool, GivesOutWhatCameBackEmptyAndWithItsRoom) {
  BufferPool pool(1000, 10'000);
  EXPECT_EQ(pool.take().capacity(), 0u);
  auto buffer = with_room(5000);
  const auto* place = buffer.data();
  pool.give(std::move(buffer));
  buffer = pool.take();
  EXPECT_TRUE(buffer.empty());
  EXPECT_GE(buffer.capacity(), 5000u);
  EXPECT_EQ(buffer.data(), place);
  EXPECT_EQ(pool.take().capacity(), 0u);
}

TEST(BufferPool, KeepsNoBufferOfAnotherSize) {
  BufferPool pool(1000, 10'000);
  pool.take();
  pool.take();
  pool.give(with_room(999));
  pool.give(with_room(10'001));
  EXPECT_EQ(pool.take().capacity(), 0u);
}

TEST(BufferPool, KeepsNoMoreThanWereTaken) {
  BufferPool pool(1000, 10'000);
  pool.give(with_room(5000));
  EXPECT_EQ(pool.take().capacity(), 0u);
  pool.give(with_room(5000));
  pool.give(with_room(5000));
  EXPECT_GE(pool.take().capacity(), 5000u);
  EXPECT_EQ(pool.take().capacity(), 0u);
}

}  // namespace
}  // namespace varve::repo
