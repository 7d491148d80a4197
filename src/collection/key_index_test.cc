#include "collection/key_index.h"

#include <gtest/gtest.h>

#include "bson/document.h"

namespace varve::collection {
namespace {

std::vector<ChunkEntry> sample() {
  std::vector<ChunkEntry> chunks(4);
  for (size_t i = 0; i < chunks.size(); ++i) {
    chunks[i].blob.bytes.fill(static_cast<uint8_t>(i + 1));
    chunks[i].documents = uint64_t{1} << (16 * i);
    const auto document = bson::Builder().add("_id", std::string(i * 60, 'k')).finish();
    chunks[i].first_id = to_bytes(bson::id_element(document.bytes()));
  }
  chunks.back().first_id.clear();
  chunks.back().documents = UINT64_MAX;
  return chunks;
}

bool same(const std::vector<ChunkEntry>& a, const std::vector<ChunkEntry>& b) {
  return encode_key_index(a) == encode_key_index(b);
}

TEST(KeyIndex, RoundTrips) {
  for (const auto& chunks : {sample(), std::vector<ChunkEntry>()}) {
    const auto decoded = decode_key_index(encode_key_index(chunks));
    ASSERT_TRUE(decoded);
    ASSERT_EQ(decoded->size(), chunks.size());
    EXPECT_TRUE(same(*decoded, chunks));
    if (chunks.empty()) continue;
    EXPECT_EQ(decoded->at(1).blob, chunks[1].blob);
    EXPECT_EQ(decoded->at(1).documents, 65536u);
    EXPECT_EQ(decoded->at(1).first_id, chunks[1].first_id);
  }
}

TEST(KeyIndex, BytesAreAsSpecified) {
  ChunkEntry entry;
  entry.blob.bytes.fill(0xab);
  entry.documents = 300;
  const auto document = bson::Builder().add("_id", int32_t{5}).finish();
  entry.first_id = to_bytes(bson::id_element(document.bytes()));
  std::string blob;
  for (int i = 0; i < 32; ++i) blob += "ab";
  EXPECT_EQ(to_hex(encode_key_index({entry})),
            "76617276656b6579"
            "01"
            "01" +
                blob +
                "ac02"
                "09"
                "105f69640005000000");
}

TEST(KeyIndex, RefusesEveryTruncationAndAnythingAppended) {
  Bytes bytes = encode_key_index(sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_key_index(std::vector<uint8_t>(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size))));
  }
  bytes.push_back(0);
  EXPECT_FALSE(decode_key_index(bytes));
}

TEST(KeyIndex, WhatIsAcceptedIsExactlyWhatEncodeMakes) {
  const Bytes bytes = encode_key_index(sample());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      Bytes changed = bytes;
      changed[at] = static_cast<uint8_t>(value);
      const auto decoded = decode_key_index(changed);
      if (decoded) EXPECT_EQ(encode_key_index(*decoded), changed) << at << " " << value;
    }
  }
}

TEST(KeyIndex, AHugeCountTakesNoMemory) {
  Bytes bytes = to_bytes(as_bytes("varvekey\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"));
  EXPECT_EQ(decode_key_index(bytes).error().kind(), ErrorKind::kCorrupt);
  bytes[8] = 2;
  EXPECT_EQ(decode_key_index(bytes).error().kind(), ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace varve::collection
