#include "codec/md5.h"

#include <gtest/gtest.h>

namespace varve::codec {
namespace {

TEST(Md5, GivesTheVectorsOfRfc1321) {
  EXPECT_EQ(to_hex(*md5({})), "d41d8cd98f00b204e9800998ecf8427e");
  const ByteView whole[] = {as_bytes("message digest")};
  EXPECT_EQ(to_hex(*md5(whole)), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(Md5, JoinsPieces) {
  const ByteView pieces[] = {as_bytes("hello"), {}, as_bytes(" world")};
  EXPECT_EQ(to_hex(*md5(pieces)), "5eb63bbbe01eeed093cb22bb8f5acdc3");
}

}  // namespace
}  // namespace varve::codec
