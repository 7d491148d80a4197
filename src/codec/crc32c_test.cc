#include "codec/crc32c.h"

#include <numeric>

#include <gtest/gtest.h>

namespace varve::codec {
namespace {

TEST(Crc32c, GivesTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(Bytes(32, 0x00)), 0x8a9136aau);
  EXPECT_EQ(crc32c(Bytes(32, 0xff)), 0x62a8ab43u);
}

TEST(Crc32c, GoesOnWhereItStopped) {
  Bytes data(1000);
  std::iota(data.begin(), data.end(), uint8_t{0});
  for (const size_t at : {0, 1, 7, 8, 9, 500, 999, 1000}) {
    EXPECT_EQ(crc32c(ByteView(data).subspan(at), crc32c(ByteView(data).first(at))), crc32c(data)) << at;
  }
}

}  // namespace
}  // namespace varve::codec
