#include "codec/rabin.h"

#include <gtest/gtest.h>

#include "codec/sha256.h"

namespace varve::codec {
namespace {

constexpr Polynomial kPolynomial = 0x3da3358b4dc173;

/// Random to look at, the same everywhere: the SHA-256 of 0, 1, 2 and so on.
Bytes counter_hashes(uint64_t count) {
  Bytes out;
  out.reserve(count * 32);
  for (uint64_t i = 0; i < count; ++i) {
    Bytes counter;
    append_le(counter, i);
    append(out, sha256(counter).bytes);
  }
  return out;
}

/// The lengths of the chunks when the data comes `piece` bytes at a time; the end of the data ends the last one.
std::vector<size_t> cut_lengths(ByteView data, size_t piece, Polynomial polynomial = kPolynomial) {
  RabinChunker chunker(polynomial);
  std::vector<size_t> lengths;
  size_t length = 0;
  while (!data.empty()) {
    bool cut = true;
    const ByteView offered = data.first(std::min(piece, data.size()));
    const size_t taken = chunker.feed(offered, &cut);
    EXPECT_TRUE(cut || taken == offered.size());
    length += taken;
    if (cut) lengths.push_back(std::exchange(length, 0));
    data = data.subspan(taken);
  }
  if (length > 0) lengths.push_back(length);
  return lengths;
}

TEST(RabinChunker, CutsWhereResticDoes) {
  const Bytes data = counter_hashes(262144);
  ASSERT_EQ(sha256(data).hex(), "dd4dd87ac92dd0462503941469c4f06a70c0e4a1a0a6545d4c2c4e98ea2821e1");
  const std::vector<size_t> expected = {1015968, 1087132, 693439, 2344058, 903280, 1709091, 635640};
  for (size_t piece :
       {size_t{1}, size_t{63}, size_t{64}, size_t{65}, size_t{4099}, size_t{524288}, size_t{1015968}, data.size()}) {
    EXPECT_EQ(cut_lengths(data, piece), expected) << piece;
  }
  EXPECT_EQ(sha256(ByteView(data).first(expected[0])).hex(),
            "f3d509f80ced030c820556a720ed8a395ba468bf124218fde1df63139d2df0ae");
}

TEST(RabinChunker, CutsZerosAtTheLeastLength) {
  EXPECT_EQ(cut_lengths(Bytes(2u << 20, 0), 10007), std::vector<size_t>(4, RabinChunker::kMin));
}

TEST(RabinChunker, CutsAtTheGreatestLengthWhereNothingElseDoes) {
  const std::vector<size_t> expected = {RabinChunker::kMax, 12345};
  for (size_t piece : {size_t{4099}, RabinChunker::kMax, 3 * RabinChunker::kMax}) {
    EXPECT_EQ(cut_lengths(Bytes(RabinChunker::kMax + 12345, 1), piece), expected) << piece;
  }
}

TEST(RabinChunker, TellsAChunkThatEndsWithTheData) {
  RabinChunker chunker(kPolynomial);
  bool cut = false;
  EXPECT_EQ(chunker.feed(Bytes(RabinChunker::kMin, 0), &cut), RabinChunker::kMin);
  EXPECT_TRUE(cut);
  EXPECT_EQ(chunker.feed({}, &cut), 0u);
  EXPECT_FALSE(cut);
  EXPECT_EQ(chunker.feed(Bytes(100, 0), &cut), 100u);
  EXPECT_FALSE(cut);
}

TEST(RabinChunker, TakesPolynomialsOfAnyDegree) {
  for (const char* text : {"11b", "20009"}) {
    const auto polynomial = parse_polynomial(text);
    ASSERT_TRUE(polynomial) << text;
    EXPECT_EQ(cut_lengths(Bytes(1u << 20, 0), 4096, *polynomial), std::vector<size_t>(2, RabinChunker::kMin));
  }
}

TEST(Irreducible, IsRightForAllSmallPolynomials) {
  for (Polynomial p = 2; p < 512; ++p) {
    bool divisible = false;
    for (Polynomial q = 2; q < 32 && !divisible; ++q) {
      Polynomial rest = p;
      const auto width = [](Polynomial x) { return std::bit_width(x); };
      if (width(q) >= width(p)) continue;
      while (width(rest) >= width(q)) rest ^= q << (width(rest) - width(q));
      divisible = rest == 0;
    }
    EXPECT_EQ(is_irreducible(p), !divisible) << p;
  }
  EXPECT_FALSE(is_irreducible(0));
  EXPECT_FALSE(is_irreducible(1));
  EXPECT_TRUE(is_irreducible(kPolynomial));
  EXPECT_FALSE(is_irreducible(kPolynomial ^ 2));
  EXPECT_FALSE(is_irreducible(~Polynomial{0}));
}

TEST(RandomPolynomial, IsOneThatResticTakes) {
  for (int i = 0; i < 20; ++i) {
    const Polynomial p = random_polynomial();
    EXPECT_EQ(std::bit_width(p), 54);
    EXPECT_EQ(parse_polynomial(to_text(p)), p);
  }
  EXPECT_NE(random_polynomial(), random_polynomial());
}

TEST(ParsePolynomial, TakesBothCasesAndRefusesWhatIsUnusable) {
  EXPECT_EQ(parse_polynomial("3DA3358B4DC173"), kPolynomial);
  EXPECT_EQ(to_text(kPolynomial), "3da3358b4dc173");
  for (const char* text : {"", "0", "1", "7", "zz", "0x3da3358b4dc173", "3da3358b4dc172", "3da3358b4dc173 ", "-1",
                           "ffffffffffffffff", "13da3358b4dc173ff", "8000000000000003"}) {
    const auto p = parse_polynomial(text);
    ASSERT_FALSE(p) << text;
    EXPECT_EQ(p.error().kind(), ErrorKind::kCorrupt);
  }
}

}  // namespace
}  // namespace varve::codec
