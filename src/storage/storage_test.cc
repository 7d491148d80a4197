#include "storage/storage.h"

#include <gtest/gtest.h>

namespace varve::storage {
namespace {

TEST(Handle, LiesWhereResticPutsIt) {
  Id id;
  id.bytes.fill(0x6a);
  const std::string hex = id.hex();
  EXPECT_EQ((Handle{FileType::kConfig, {}}).path(), "config");
  EXPECT_EQ((Handle{FileType::kKey, id}).path(), "keys/" + hex);
  EXPECT_EQ((Handle{FileType::kLock, id}).path(), "locks/" + hex);
  EXPECT_EQ((Handle{FileType::kSnapshot, id}).path(), "snapshots/" + hex);
  EXPECT_EQ((Handle{FileType::kIndex, id}).path(), "index/" + hex);
  EXPECT_EQ((Handle{FileType::kPack, id}).path(), "data/6a/" + hex);
}

TEST(Payload, IsAsLongAsItsPieces) {
  const ByteView pieces[] = {as_bytes("ab"), {}, as_bytes("cde")};
  EXPECT_EQ(payload_size(pieces), 5u);
  EXPECT_EQ(payload_size({}), 0u);
}

}  // namespace
}  // namespace varve::storage
