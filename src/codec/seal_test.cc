#include "codec/seal.h"

#include <numeric>

#include <gtest/gtest.h>

namespace varve::codec {
namespace {

/// Bytes 00 to 3f in the order encrypt, mac_k, mac_r.
SealKey golden_key() {
  SealKey key;
  std::iota(key.encrypt.begin(), key.encrypt.end(), uint8_t{0x00});
  std::iota(key.mac_k.begin(), key.mac_k.end(), uint8_t{0x20});
  std::iota(key.mac_r.begin(), key.mac_r.end(), uint8_t{0x30});
  return key;
}

Iv golden_iv() {
  Iv iv;
  std::iota(iv.begin(), iv.end(), uint8_t{0x40});
  return iv;
}

Bytes sealed(ByteView plain) {
  Bytes out;
  seal(golden_key(), golden_iv(), plain, out);
  return out;
}

TEST(Seal, MakesTheUnitsThatResticReads) {
  EXPECT_EQ(to_hex(sealed(as_bytes("hello restic"))),
            "404142434445464748494a4b4c4d4e4fcb1bb353f87ac88ae00f0ba4818f299f0076bb28b1499f7278ed527b");
  EXPECT_EQ(to_hex(sealed({})), "404142434445464748494a4b4c4d4e4f859469c07743c7e45b318d151d3d87e9");
}

TEST(Seal, Appends) {
  Bytes out = to_bytes(as_bytes("before"));
  seal(golden_key(), golden_iv(), as_bytes("x"), out);
  EXPECT_EQ(as_text(ByteView(out).first(6)), "before");
  EXPECT_EQ(to_bytes(ByteView(out).subspan(6)), sealed(as_bytes("x")));
}

TEST(Seal, InPlaceMakesTheSame) {
  for (const size_t size : {0, 1, 65536, 200'000}) {
    Bytes plain(size);
    random_bytes(plain);
    Bytes out = to_bytes(as_bytes("before"));
    out.resize(out.size() + kIvSize);
    append(out, plain);
    seal_in_place(golden_key(), golden_iv(), out, 6);
    EXPECT_EQ(to_bytes(ByteView(out).subspan(6)), sealed(plain)) << size;
  }
}

TEST(Seal, OpensAgainAtEverySize) {
  for (size_t size : {0, 1, 15, 16, 17, 65535, 65536, 65537, 200000, 3000000}) {
    Bytes plain(size);
    random_bytes(plain);
    const auto opened = unseal(golden_key(), sealed(plain));
    ASSERT_TRUE(opened) << size;
    EXPECT_EQ(*opened, plain) << size;
    Bytes joined;
    EXPECT_TRUE(unseal(golden_key(), sealed(plain), [&](ByteView piece) -> Status {
      append(joined, piece);
      return {};
    }));
    EXPECT_EQ(joined, plain) << size;
  }
}

TEST(Seal, CountsTheVectorUpOverItsFullWidth) {
  Iv iv;
  iv.fill(0xff);
  Bytes at_end, at_zero;
  seal(golden_key(), iv, Bytes(32, 0), at_end);
  seal(golden_key(), Iv{}, Bytes(16, 0), at_zero);
  EXPECT_EQ(to_bytes(ByteView(at_end).subspan(32, 16)), to_bytes(ByteView(at_zero).subspan(16, 16)));
}

TEST(Unseal, RefusesEveryFlippedBit) {
  Bytes unit = sealed(as_bytes("hello restic"));
  for (size_t bit = 0; bit < unit.size() * 8; ++bit) {
    const auto mask = static_cast<uint8_t>(1 << bit % 8);
    unit[bit / 8] ^= mask;
    const auto opened = unseal(golden_key(), unit);
    ASSERT_FALSE(opened) << bit;
    EXPECT_EQ(opened.error().kind(), ErrorKind::kCorrupt);
    unit[bit / 8] ^= mask;
  }
  EXPECT_TRUE(unseal(golden_key(), unit));
}

TEST(Unseal, GivesNoPieceOfWhatWasChanged) {
  Bytes unit = sealed(Bytes(200'000, 7));
  unit.back() ^= 1;
  EXPECT_FALSE(unseal(golden_key(), unit, [](ByteView) -> Status {
    ADD_FAILURE() << "it gave a piece";
    return {};
  }));
}

TEST(Unseal, StopsWhereItsTakerFails) {
  int pieces = 0;
  const auto status = unseal(golden_key(), sealed(Bytes(200'000, 7)), [&](ByteView) -> Status {
    ++pieces;
    return fail(ErrorKind::kInternal, "enough");
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message(), "enough");
  EXPECT_EQ(pieces, 1);
}

TEST(Unseal, RefusesEveryOtherLength) {
  Bytes unit = sealed(as_bytes("hello restic"));
  for (size_t size = 0; size < unit.size(); ++size) EXPECT_FALSE(unseal(golden_key(), ByteView(unit).first(size)));
  unit.push_back(0);
  EXPECT_FALSE(unseal(golden_key(), unit));
}

TEST(Unseal, RefusesAnotherKeysMac) {
  SealKey other = golden_key();
  other.mac_k[3] ^= 1;
  EXPECT_FALSE(unseal(other, sealed(as_bytes("x"))));
  other = golden_key();
  other.mac_r[0] ^= 1;
  EXPECT_FALSE(unseal(other, sealed(as_bytes("x"))));
}

TEST(RandomIv, IsNeverTheSame) {
  EXPECT_NE(random_iv(), random_iv());
}

TEST(DeriveKey, SplitsWhatScryptGivesAsResticDoes) {
  Bytes salt(64);
  std::iota(salt.begin(), salt.end(), uint8_t{0});
  const auto key = derive_key("geheim", salt, 1024, 8, 1);
  ASSERT_TRUE(key);
  EXPECT_EQ(to_hex(key->encrypt), "afd9918d07af99c41fe53ea3e2602702a2cc0f1d68f2c224f4f4bdff8a4bea38");
  EXPECT_EQ(to_hex(key->mac_k), "e522565c84ab5b1070e2da80cfd4ef48");
  EXPECT_EQ(to_hex(key->mac_r), "e369ce349fb98016146594b711346c99");
}

TEST(DeriveKey, TakesAnEmptyPasswordAndManyLanes) {
  EXPECT_TRUE(derive_key("", {}, 16, 1, 1));
  EXPECT_TRUE(derive_key({}, Bytes(64, 1), 1024, 8, 5));
}

TEST(DeriveKey, RefusesImpossibleAndRuinousParametersAtOnce) {
  struct Parameters {
    uint64_t n, r, p;
  };
  constexpr uint64_t kHuge = ~uint64_t{0};
  constexpr uint64_t kTop = uint64_t{1} << 63;
  for (const auto& [n, r, p] : {Parameters{0, 8, 1},
                                {1, 8, 1},
                                {1000, 8, 1},
                                {1024, 0, 1},
                                {1024, 8, 0},
                                {kTop, 8, 1},
                                {1024, kHuge, 1},
                                {1024, 8, kHuge},
                                {kTop, kHuge, kHuge},
                                {1u << 22, 8, 1},
                                {1u << 15, 8, 1u << 20},
                                {1u << 20, 1u << 20, 1u << 20}}) {
    const auto key = derive_key("x", Bytes(64), n, r, p);
    ASSERT_FALSE(key) << n << ' ' << r << ' ' << p;
    EXPECT_EQ(key.error().kind(), ErrorKind::kUnsupported);
  }
  EXPECT_FALSE(derive_key("x", Bytes(64), 1u << 15, 8, 1, 16u << 20));
}

}  // namespace
}  // namespace varve::codec
