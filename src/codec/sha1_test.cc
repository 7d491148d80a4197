#include "codec/sha1.h"

#include <gtest/gtest.h>

namespace varve::codec {
namespace {

TEST(Sha1, GivesTheVectorsOfFips180) {
  EXPECT_EQ(to_hex(sha1({})), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(to_hex(sha1(as_bytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

}  // namespace
}  // namespace varve::codec
