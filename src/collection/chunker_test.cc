#include "collection/chunker.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "bson/testing/samples.h"
#include "bson/view.h"

namespace varve::collection {
namespace {

using bson::testing::concatenate;
using bson::testing::random_document;

constexpr uint32_t kAverage = 64u << 10;
const std::array<uint8_t, 16> kKey = cut_key(0x3DA3358B4DC173);

/// Chunks of `stream` fed in pieces of whole documents, `per_piece` at a time.
std::vector<Chunk> cut(ByteView stream, size_t per_piece = 1000, uint32_t average = kAverage) {
  std::vector<Chunk> chunks;
  DocumentChunker chunker(kKey, average, [&](Chunk chunk) -> Status {
    chunks.push_back(std::move(chunk));
    return {};
  });
  ByteView rest = stream;
  while (!rest.empty()) {
    size_t size = 0;
    for (size_t i = 0; i < per_piece && size < rest.size(); ++i) size += *bson::check_framing(rest.subspan(size));
    EXPECT_TRUE(chunker.add(rest.first(size)));
    rest = rest.subspan(size);
  }
  EXPECT_TRUE(chunker.finish());
  return chunks;
}

std::vector<Bytes> documents(size_t count, size_t size, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::vector<Bytes> out;
  for (size_t i = 0; i < count; ++i) out.push_back(random_document(random, static_cast<int64_t>(i), size));
  return out;
}

/// The share of `after`'s chunks that are in `before`, byte for byte.
double unchanged(const std::vector<Chunk>& before, const std::vector<Chunk>& after) {
  std::set<Bytes> known;
  for (const auto& chunk : before) known.insert(chunk.bytes);
  const auto same = std::count_if(after.begin(), after.end(), [&](const Chunk& c) { return known.contains(c.bytes); });
  return static_cast<double>(same) / static_cast<double>(after.size());
}

void expect_sound(ByteView stream, const std::vector<Chunk>& chunks, uint32_t average) {
  Bytes joined;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const Chunk& chunk = chunks[i];
    const auto inside = bson::testing::split_documents(chunk.bytes);
    EXPECT_EQ(inside.size(), chunk.documents);
    EXPECT_EQ(to_bytes(bson::id_element(inside.at(0))), chunk.first_id);
    EXPECT_TRUE(chunk.bytes.size() <= size_t{4} * average || inside.size() == 1);
    // Only what comes before a document that would not fit, and the last one, may be short.
    if (chunk.bytes.size() < average / 4 && i + 1 < chunks.size()) {
      EXPECT_GT(chunk.bytes.size() + *bson::check_framing(chunks[i + 1].bytes), size_t{4} * average);
    }
    append(joined, chunk.bytes);
  }
  EXPECT_TRUE(std::equal(joined.begin(), joined.end(), stream.begin(), stream.end()));
}

TEST(Chunker, ChunksAreTheStreamInWholeDocuments) {
  for (const size_t size : {20u, 300u, 5000u, 60'000u, 200'000u, 500'000u}) {
    const Bytes stream = concatenate(documents(2'000'000 / size + 1, size));
    expect_sound(stream, cut(stream), kAverage);
  }
  EXPECT_TRUE(cut({}).empty());
}

TEST(Chunker, AMixOfSmallAndHugeDocumentsStaysInBounds) {
  std::mt19937_64 random(7);
  Bytes stream;
  for (int64_t i = 0; i < 500; ++i) append(stream, random_document(random, i, size_t{1} << (random() % 19)));
  expect_sound(stream, cut(stream), kAverage);
}

TEST(Chunker, TheSizeOfThePiecesDoesNotMatter) {
  const Bytes stream = concatenate(documents(20'000, 200));
  const auto whole = cut(stream, 1'000'000);
  for (const size_t per_piece : {1u, 7u, 500u}) {
    const auto pieces = cut(stream, per_piece);
    ASSERT_EQ(pieces.size(), whole.size());
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(pieces[i].bytes, whole[i].bytes);
      EXPECT_EQ(pieces[i].first_id, whole[i].first_id);
    }
  }
}

TEST(Chunker, CollectsEachChunkInABufferThatItIsGiven) {
  const Bytes stream = concatenate(documents(2000, 300));
  size_t asked = 0;
  std::vector<Bytes> chunks;
  const auto sink = [&](Chunk chunk) -> Status {
    EXPECT_GE(chunk.bytes.capacity(), 1u << 20);
    chunks.push_back(std::move(chunk.bytes));
    return {};
  };
  const auto buffers = [&] {
    ++asked;
    Bytes room;
    room.reserve(1u << 20);
    return room;
  };
  DocumentChunker chunker(kKey, kAverage, sink, buffers);
  EXPECT_TRUE(chunker.add(stream));
  EXPECT_TRUE(chunker.finish());
  EXPECT_GT(chunks.size(), 3u);
  EXPECT_EQ(asked, chunks.size());
  EXPECT_EQ(concatenate(chunks), stream);
}

TEST(Chunker, TheAverageIsNearA) {
  for (const size_t size : {100u, 1000u, 10'000u}) {
    const Bytes stream = concatenate(documents(20'000'000 / size, size));
    const double mean = static_cast<double>(stream.size()) / static_cast<double>(cut(stream).size());
    EXPECT_GT(mean, 1.0 * kAverage) << size;
    EXPECT_LT(mean, 1.5 * kAverage) << size;
  }
}

TEST(Chunker, ChangesInOnePlaceDisturbThatPlaceOnly) {
  auto all = documents(50'000, 200);
  const auto before = cut(concatenate(all));
  std::mt19937_64 random(2);
  for (size_t i = 20'000; i < 20'500; ++i)
    all[i] = bson::testing::random_document(random, static_cast<int64_t>(i), 200);
  const auto after = cut(concatenate(all));
  EXPECT_GT(unchanged(before, after), 0.93);
}

TEST(Chunker, OnePercentOfLargeDocumentsChangedLeavesMostChunks) {
  auto all = documents(2'000, 16'000);
  const auto before = cut(concatenate(all));
  std::mt19937_64 random(3);
  for (size_t i = 0; i < all.size() / 100; ++i) {
    const size_t which = random() % all.size();
    all[which] = random_document(random, static_cast<int64_t>(which), 16'000);
  }
  EXPECT_GT(unchanged(before, cut(concatenate(all))), 0.85);
}

TEST(Chunker, AnInsertionOrRemovalDisturbsItsNeighbourhoodOnly) {
  auto all = documents(50'000, 200);
  const auto before = cut(concatenate(all));
  std::mt19937_64 random(5);
  auto inserted = all;
  inserted.insert(inserted.begin() + 10'000, random_document(random, 1'000'000, 200));
  EXPECT_GE(unchanged(before, cut(concatenate(inserted))) * static_cast<double>(before.size()) + 4,
            static_cast<double>(before.size()));
  all.erase(all.begin() + 30'000, all.begin() + 30'010);
  EXPECT_GT(unchanged(before, cut(concatenate(all))), 0.95);
}

TEST(Chunker, DocumentsWithoutAnIdAreCutToo) {
  Bytes stream;
  for (int32_t i = 0; i < 50'000; ++i) append(stream, bson::Builder().add("n", i).add("x", "filler").finish().bytes());
  const auto chunks = cut(stream);
  EXPECT_GT(chunks.size(), 5u);
  expect_sound(stream, chunks, kAverage);
  EXPECT_TRUE(chunks[0].first_id.empty());
}

TEST(Chunker, TheCutsAreAFormat) {
  Bytes stream;
  for (int32_t i = 0; i < 20'000; ++i) {
    append(stream,
           bson::Builder().add("_id", i).add("x", std::string(static_cast<size_t>(i % 40), 'x')).finish().bytes());
  }
  std::vector<uint64_t> counts;
  for (const auto& chunk : cut(stream)) counts.push_back(chunk.documents);
  EXPECT_EQ(counts, (std::vector<uint64_t>{865, 2547, 443, 530, 1617, 717, 658, 3798, 680, 779, 2431, 1713, 3222}));
}

TEST(Chunker, StopsOnBrokenFramingAndOnARefusingSink) {
  DocumentChunker chunker(kKey, kAverage, [](Chunk) -> Status { return fail(ErrorKind::kNoSpace, "full"); });
  EXPECT_EQ(chunker.add(Bytes{5, 0, 0, 0, 0, 9, 0, 0, 0, 0}).error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(chunker.add(concatenate(documents(10'000, 200))).error().kind(), ErrorKind::kNoSpace);
}

TEST(CutKey, DependsOnThePolynomialAndNeverChanges) {
  EXPECT_EQ(to_hex(cut_key(0x3DA3358B4DC173)), "57ac8e88c1c9f624eac53a201a5db08e");
  EXPECT_NE(cut_key(0x3DA3358B4DC173), cut_key(0x3DA3358B4DC175));
}

TEST(AverageFor, GrowsWithTheCollection) {
  constexpr uint64_t kGiB = 1u << 30;
  EXPECT_EQ(average_for(0), 1u << 20);
  EXPECT_EQ(average_for(64 * kGiB), 1u << 20);
  EXPECT_EQ(average_for(64 * kGiB + 1), 2u << 20);
  EXPECT_EQ(average_for(256 * kGiB + 1), 4u << 20);
  EXPECT_EQ(average_for(1024 * kGiB + 1), 8u << 20);
}

}  // namespace
}  // namespace varve::collection
