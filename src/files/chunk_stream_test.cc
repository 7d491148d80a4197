#include "files/chunk_stream.h"

#include <gtest/gtest.h>

#include "repo/testing/small_backup.h"

namespace varve::files {
namespace {

using codec::RabinChunker;

constexpr codec::Polynomial kPolynomial = 0x3da3358b4dc173;

std::vector<size_t> cuts(RabinChunker& chunker, std::string_view text, size_t most_at_once, uint64_t expected) {
  std::vector<size_t> lengths;
  std::string together;
  std::string_view rest = text;
  const auto read = [&](std::span<uint8_t> into) -> Result<size_t> {
    EXPECT_FALSE(into.empty());
    const size_t got = std::min({into.size(), rest.size(), most_at_once});
    std::memcpy(into.data(), rest.data(), got);
    rest.remove_prefix(got);
    return got;
  };
  const auto take = [&](Bytes chunk) -> Status {
    lengths.push_back(chunk.size());
    together += as_text(chunk);
    return {};
  };
  EXPECT_TRUE(cut_stream(chunker, expected, read, take));
  EXPECT_EQ(together, text);
  return lengths;
}

TEST(CutStream, CutsTheSameHoweverTheStreamComes) {
  RabinChunker chunker(kPolynomial);
  const auto text = repo::testing::sample_noise(8'000'000, 4);
  const auto once = cuts(chunker, text, SIZE_MAX, text.size());
  EXPECT_GT(once.size(), 4u);
  struct Way {
    size_t piece;
    uint64_t expected;
  };
  for (const auto& [piece, expected] : {Way{997, text.size()}, Way{997, 0}, Way{65536, 1000}, Way{700'001, UINT64_MAX},
                                        Way{700'001, text.size()}, Way{SIZE_MAX, 0}}) {
    EXPECT_EQ(cuts(chunker, text, piece, expected), once) << piece << ", " << expected;
  }
}

TEST(CutStream, GivesNothingForNothingAndOneChunkForLittle) {
  RabinChunker chunker(kPolynomial);
  EXPECT_TRUE(cuts(chunker, "", 1, 0).empty());
  EXPECT_TRUE(cuts(chunker, "", 1, 100).empty());
  EXPECT_EQ(cuts(chunker, "x", 1, 0), std::vector<size_t>{1});
  const std::string zeros(RabinChunker::kMin * 2, '\0');
  EXPECT_EQ(cuts(chunker, zeros, SIZE_MAX, zeros.size()), std::vector<size_t>(2, RabinChunker::kMin));
}

TEST(CutStream, PassesErrorsOn) {
  RabinChunker chunker(kPolynomial);
  const auto broken = [](std::span<uint8_t>) -> Result<size_t> { return fail(ErrorKind::kUnavailable, "broken"); };
  EXPECT_EQ(cut_stream(chunker, 5, broken, [](Bytes) { return Status(); }).error().message(), "broken");
  bool ended = false;
  const auto one = [&](std::span<uint8_t> into) -> Result<size_t> {
    into[0] = 'x';
    return std::exchange(ended, true) ? 0 : 1;
  };
  const auto full = [](Bytes) -> Status { return fail(ErrorKind::kNoSpace, "full"); };
  EXPECT_EQ(cut_stream(chunker, 5, one, full).error().message(), "full");
}

}  // namespace
}  // namespace varve::files
