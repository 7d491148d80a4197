#include "codec/hash.h"

#include <numeric>

#include <gtest/gtest.h>

namespace varve::codec {
namespace {

TEST(SipHash, GivesTheVectorsOfItsReference) {
  std::array<uint8_t, 16> key;
  std::iota(key.begin(), key.end(), uint8_t{0});
  Bytes message(64);
  std::iota(message.begin(), message.end(), uint8_t{0});
  const auto of = [&](size_t length) { return siphash24(key, ByteView(message).first(length)); };
  EXPECT_EQ(of(0), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(of(1), 0x74f839c593dc67fdu);
  EXPECT_EQ(of(7), 0xab0200f58b01d137u);
  EXPECT_EQ(of(8), 0x93f5f5799a932462u);
  EXPECT_EQ(of(15), 0xa129ca6149be45e5u);  // the paper's appendix A
  EXPECT_EQ(of(63), 0x958a324ceb064572u);
}

TEST(Hkdf, GivesTheVectorsOfRfc5869) {
  std::array<uint8_t, 42> out;
  hkdf_sha256(Bytes(22, 0x0b), *from_hex("000102030405060708090a0b0c"), as_text(*from_hex("f0f1f2f3f4f5f6f7f8f9")),
              out);
  EXPECT_EQ(to_hex(out), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  hkdf_sha256(Bytes(22, 0x0b), {}, {}, out);
  EXPECT_EQ(to_hex(out), "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(UInt128, CarriesBorrowsAndWraps) {
  UInt128 value = *UInt128::parse("0000000000000000ffffffffffffffff");
  value += {.low = 1};
  EXPECT_EQ(value.hex(), "00000000000000010000000000000000");
  value -= {.low = 1};
  EXPECT_EQ(value, (UInt128{.low = ~uint64_t{0}}));
  value -= {.low = 0, .high = 1};
  EXPECT_EQ(value.hex(), "ffffffffffffffffffffffffffffffff");
  value += value;
  EXPECT_EQ(value.hex(), "fffffffffffffffffffffffffffffffe");
  value -= value;
  EXPECT_EQ(value, UInt128{});
}

TEST(UInt128, ParsesWhatItPrints) {
  EXPECT_EQ(UInt128::parse("0123456789abcdeffedcba9876543210")->hex(), "0123456789abcdeffedcba9876543210");
  EXPECT_FALSE(UInt128::parse("0123456789abcdeffedcba987654321"));
  EXPECT_FALSE(UInt128::parse("0123456789abcdeffedcba98765432xx"));
  EXPECT_FALSE(UInt128::parse(""));
}

TEST(Xxh3, GivesItsVectors) {
  EXPECT_EQ(xxh3_128({}).hex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(xxh3_128(as_bytes("abc")).hex(), "06b05ab6733a618578af5f94892f3950");
}

TEST(Crc64, GivesTheCheckValueOfXz) {
  EXPECT_EQ(crc64(as_bytes("123456789")), 0x995dc9bbdf1939fau);
  EXPECT_EQ(crc64({}), 0u);
}

TEST(Crc64, GoesOnWhereItStopped) {
  Bytes data(1000);
  std::iota(data.begin(), data.end(), uint8_t{0});
  const uint64_t whole = crc64(data);
  uint64_t bytewise = 0;
  for (uint8_t b : data) bytewise = crc64({&b, 1}, bytewise);
  EXPECT_EQ(bytewise, whole);
  for (size_t at : {1, 15, 16, 17, 500})
    EXPECT_EQ(crc64(ByteView(data).subspan(at), crc64(ByteView(data).first(at))), whole);
}

}  // namespace
}  // namespace varve::codec
