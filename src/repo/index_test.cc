#include "repo/index.h"

#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "codec/sha256.h"

namespace varve::repo {
namespace {

Id id_of(uint64_t number) {
  return codec::sha256({reinterpret_cast<const uint8_t*>(&number), sizeof number});
}

IndexedPack pack_of(uint64_t number, uint32_t blobs) {
  IndexedPack pack;
  pack.pack = id_of(1'000'000 + number);
  uint32_t offset = 0;
  for (uint32_t i = 0; i < blobs; ++i) {
    const uint32_t length = 40 + i;
    const auto type = i % 2 == 0 ? BlobType::kData : BlobType::kTree;
    pack.blobs.push_back({type, id_of(number * 1000 + i), {pack.pack, offset, length, i % 3 * 100}});
    offset += length;
  }
  return pack;
}

TEST(Index, FindsEveryPlaceOfEveryBlob) {
  Index index;
  constexpr uint64_t kPacks = 200;
  constexpr uint32_t kBlobs = 150;  // enough to merge the recent ones several times
  for (uint64_t p = 0; p < kPacks; ++p) index.add_pack(pack_of(p, kBlobs).blobs);
  EXPECT_EQ(index.size(), kPacks * kBlobs);
  for (uint64_t p = 0; p < kPacks; ++p) {
    for (const auto& blob : pack_of(p, kBlobs).blobs) {
      const auto places = index.find(blob.type, blob.id);
      ASSERT_EQ(places.size(), 1u);
      EXPECT_EQ(places[0].pack, blob.location.pack);
      EXPECT_EQ(places[0].offset, blob.location.offset);
      EXPECT_EQ(places[0].length, blob.location.length);
      EXPECT_EQ(places[0].plain_length, blob.location.plain_length);
      const auto other = blob.type == BlobType::kData ? BlobType::kTree : BlobType::kData;
      EXPECT_FALSE(index.has(other, blob.id));
    }
  }
  EXPECT_TRUE(index.find(BlobType::kData, id_of(99'999'999)).empty());
}

TEST(Index, KeepsDuplicatesButNotTheSameEntryTwice) {
  Index index;
  auto pack = pack_of(1, 3);
  index.add_pack(pack.blobs);
  index.add_pack(pack.blobs);
  EXPECT_EQ(index.size(), 3u);
  auto copy = pack;
  for (auto& blob : copy.blobs) blob.location.pack = id_of(5);
  index.add_pack(copy.blobs);
  EXPECT_EQ(index.find(BlobType::kData, pack.blobs[0].id).size(), 2u);
}

TEST(Index, FindsWhatWasLoadedOnceItIsSettled) {
  Index index;
  constexpr uint64_t kPacks = 100;
  index.add_pack(pack_of(0, 50).blobs);
  for (int again = 0; again < 2; ++again) {  // the same packs in two index files
    for (uint64_t p = 0; p < kPacks; ++p) index.load_pack(pack_of(p, 50).blobs);
  }
  EXPECT_FALSE(index.has(BlobType::kData, id_of(7000)));
  EXPECT_TRUE(index.has(BlobType::kData, id_of(0)));
  index.settle();
  EXPECT_EQ(index.size(), kPacks * 50);
  for (uint64_t p = 0; p < kPacks; ++p) {
    for (const auto& blob : pack_of(p, 50).blobs) EXPECT_EQ(index.find(blob.type, blob.id).size(), 1u);
  }
  index.load_pack(pack_of(3, 50).blobs);
  index.load_pack(pack_of(kPacks, 50).blobs);
  index.settle();
  EXPECT_EQ(index.size(), (kPacks + 1) * 50);
}

TEST(Index, ClaimsOnce) {
  Index index;
  EXPECT_TRUE(index.claim(BlobType::kData, id_of(1)));
  EXPECT_FALSE(index.claim(BlobType::kData, id_of(1)));
  EXPECT_TRUE(index.claim(BlobType::kTree, id_of(1)));
  EXPECT_FALSE(index.has(BlobType::kData, id_of(1)));
  index.drop_claims();
  EXPECT_TRUE(index.claim(BlobType::kData, id_of(1)));
  index.add_pack(pack_of(7, 1).blobs);
  EXPECT_FALSE(index.claim(BlobType::kData, id_of(7000)));
  index.drop_pack(pack_of(7, 1).pack);
  EXPECT_FALSE(index.has(BlobType::kData, id_of(7000)));
  EXPECT_TRUE(index.claim(BlobType::kData, id_of(7000)));
  index.add_pack(pack_of(7, 1).blobs);
  EXPECT_TRUE(index.has(BlobType::kData, id_of(7000)));
}

TEST(Index, ExactlyOneOfManyThreadsClaims) {
  Index index;
  std::atomic<int> claimed = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (uint64_t i = 0; i < 2000; ++i) {
        if (index.claim(BlobType::kData, id_of(i))) ++claimed;
        if (i % 100 == 0) index.add_pack(pack_of(i, 20).blobs);
        (void)index.find(BlobType::kTree, id_of(i));
      }
    });
  }
  threads.clear();
  EXPECT_GE(claimed, 1900);
  EXPECT_LE(claimed, 2000);
}

TEST(Index, VisitsByPackAndOffset) {
  Index index;
  for (uint64_t p = 0; p < 50; ++p) index.add_pack(pack_of(p, 30).blobs);
  std::tuple<BlobType, Id, uint32_t> last{BlobType::kData, Id{}, 0};
  size_t visited = 0;
  index.for_each([&](BlobType type, const Id&, const BlobLocation& at) {
    const std::tuple<BlobType, Id, uint32_t> next{type, at.pack, at.offset};
    if (visited++ != 0) {
      EXPECT_LT(last, next);
    }
    last = next;
  });
  EXPECT_EQ(visited, 1500u);
}

TEST(IndexFile, IsWrittenAsGoWritesIt) {
  IndexedPack pack;
  pack.pack.bytes.fill(0x11);
  Id blob;
  blob.bytes.fill(0x22);
  pack.blobs = {{BlobType::kData, blob, {pack.pack, 0, 44, 0}}, {BlobType::kTree, blob, {pack.pack, 44, 50, 7}}};
  const std::string ones = pack.pack.hex();
  const std::string twos = blob.hex();
  EXPECT_EQ(encode_index({pack}), R"({"packs":[{"id":")" + ones + R"(","blobs":[{"id":")" + twos +
                                      R"(","type":"data","offset":0,"length":44},{"id":")" + twos +
                                      R"(","type":"tree","offset":44,"length":50,"uncompressed_length":7}]}]})" + "\n");
}

TEST(IndexFile, ReadsBackWhatItWrote) {
  std::vector<IndexedPack> packs;
  for (uint64_t p = 0; p < 20; ++p) packs.push_back(pack_of(p, 30));
  const std::string json = encode_index(packs);
  std::vector<IndexedPack> again;
  ASSERT_TRUE(decode_index(json, [&](IndexedPack pack) { again.push_back(std::move(pack)); }));
  EXPECT_EQ(encode_index(again), json);
}

TEST(IndexFile, IsReadLeniently) {
  const std::string id(64, 'A');
  int packs = 0;
  const auto count = [&](const IndexedPack& pack) {
    ++packs;
    EXPECT_EQ(pack.blobs.at(0).location.pack, pack.pack);
  };
  EXPECT_TRUE(decode_index(R"({"supersedes":[")" + id +
                               R"("],"packs":[{"time":"x","blobs":[{"length":40,"type":"tree",)"
                               R"("offset":3,"x":{},"id":")" +
                               id + R"("}],"size":4,"id":")" + id + R"("}],"packs_to_delete":[]})",
                           count));
  EXPECT_TRUE(decode_index(R"({"packs":null})", count));
  EXPECT_TRUE(decode_index("{}", count));
  EXPECT_EQ(packs, 1);
}

TEST(IndexFile, ImpossibleEntriesAreRefused) {
  const std::string id(64, 'a');
  const std::string null_id(64, '0');
  const auto decoded = [](const std::string& text) { return decode_index(text, [](const IndexedPack&) {}); };
  const auto with_blob = [&](const std::string& blob) {
    return decoded(R"({"packs":[{"id":")" + id + R"(","blobs":[)" + blob + "]}]}");
  };
  EXPECT_TRUE(with_blob(R"({"id":")" + id + R"(","type":"data","offset":0,"length":32})"));
  EXPECT_FALSE(with_blob(R"({"id":")" + id + R"(","type":"data","offset":0,"length":31})"));
  EXPECT_FALSE(with_blob(R"({"id":")" + id + R"(","type":"blob","offset":0,"length":32})"));
  EXPECT_FALSE(with_blob(R"({"id":")" + id + R"(","offset":0,"length":32})"));
  EXPECT_FALSE(with_blob(R"({"id":")" + null_id + R"(","type":"data","offset":0,"length":32})"));
  EXPECT_FALSE(with_blob(R"({"id":")" + id + R"(","type":"data","offset":4294967290,"length":32})"));
  EXPECT_FALSE(with_blob(R"({"id":")" + id + R"(","type":"data","offset":-1,"length":32})"));
  EXPECT_FALSE(decoded(R"({"packs":[{"blobs":[]}]})"));
  EXPECT_FALSE(decoded(R"({"packs":[}])"));
}

}  // namespace
}  // namespace varve::repo
