#include "repo/pack.h"

#include <numeric>

#include <gtest/gtest.h>

#include "codec/sha256.h"

namespace varve::repo {
namespace {

/// The vectors' key: bytes 00..3f.
codec::SealKey counting_key() {
  codec::SealKey key;
  std::iota(key.encrypt.begin(), key.encrypt.end(), uint8_t{0});
  std::iota(key.mac_k.begin(), key.mac_k.end(), uint8_t{0x20});
  std::iota(key.mac_r.begin(), key.mac_r.end(), uint8_t{0x30});
  return key;
}
codec::Iv counting_iv(uint8_t first) {
  codec::Iv iv;
  std::iota(iv.begin(), iv.end(), first);
  return iv;
}

struct Golden {
  PackBuilder pack{256};
  Id blob = codec::sha256(as_bytes("hello restic"));
  Id id;
  Golden() {
    Bytes unit;
    codec::seal(counting_key(), counting_iv(0x40), as_bytes("hello restic"), unit);
    pack.add(BlobType::kData, blob, unit, 0);
    pack.finish(counting_key(), counting_iv(0x50));
    id = codec::sha256(pack.bytes());
  }
};

TEST(Pack, MatchesTheKnownOne) {
  const Golden golden;
  EXPECT_EQ(to_hex(encode_pack_header(golden.pack.blobs())),
            "002c000000af03b89029f4b7c8a008dbe879ffc00b47b45d65127e4c0a136d3fdcac4971ff");
  EXPECT_EQ(golden.pack.size(), 117u);
  EXPECT_EQ(golden.id.hex(), "9b6d0420e9b81019efc6b922ed7f8cbd3a89182060b490edd3f9040358bfcbd6");
  EXPECT_EQ(to_hex(golden.pack.bytes().subspan(44)),
            "505152535455565758595a5b5c5d5e5f97674127384a0cfd57d02f92899f2f90c0e40e8fd52050d57f68409d861143713d541e05de"
            "66260fc46f1accea555d436a4403170645000000");
}

TEST(Pack, HeaderReadsBack) {
  const Golden golden;
  const auto blobs = read_pack_header(counting_key(), golden.pack.bytes(), golden.id);
  ASSERT_TRUE(blobs) << blobs.error().message();
  ASSERT_EQ(blobs->size(), 1u);
  EXPECT_EQ(blobs->front().id, golden.blob);
  EXPECT_EQ(blobs->front().location.length, 44u);
  EXPECT_EQ(pack_file_size(*blobs), 117u);
}

TEST(Pack, OffsetsFollowFromLengths) {
  std::vector<PackedBlob> blobs;
  for (uint32_t i = 0; i < 100; ++i) {
    PackedBlob blob{};
    blob.type = i % 3 == 0 ? BlobType::kTree : BlobType::kData;
    blob.id.bytes.fill(static_cast<uint8_t>(i + 1));
    blob.location.length = 32 + i;
    blob.location.plain_length = i % 2 == 0 ? 0 : 1000 + i;
    blobs.push_back(blob);
  }
  const Bytes header = encode_pack_header(blobs);
  EXPECT_EQ(header.size(), 50 * 37 + 50 * 41u);
  const auto again = decode_pack_header(header, Id{});
  ASSERT_TRUE(again);
  uint32_t offset = 0;
  for (size_t i = 0; i < blobs.size(); ++i) {
    EXPECT_EQ((*again)[i].id, blobs[i].id);
    EXPECT_EQ((*again)[i].type, blobs[i].type);
    EXPECT_EQ((*again)[i].location.offset, offset);
    EXPECT_EQ((*again)[i].location.plain_length, blobs[i].location.plain_length);
    offset += blobs[i].location.length;
  }
  EXPECT_EQ(pack_file_size(blobs), offset + header.size() + 36);
}

TEST(Pack, EveryDamagedBitOfTheHeaderIsNoticed) {
  const Golden golden;
  for (size_t at = 44; at < golden.pack.size(); ++at) {
    Bytes bytes = to_bytes(golden.pack.bytes());
    bytes[at] ^= 4;
    EXPECT_FALSE(read_pack_header(counting_key(), bytes, golden.id)) << at;
  }
  for (size_t size = 0; size < golden.pack.size(); ++size) {
    EXPECT_FALSE(read_pack_header(counting_key(), golden.pack.bytes().first(size), golden.id)) << size;
  }
}

TEST(Pack, ImpossibleHeadersAreRefused) {
  const std::string id(64, '1');
  for (const std::string& hex :
       std::vector<std::string>{"042c000000" + id, "0010000000" + id, "022c00000000000000" + id, "002c0000", "00",
                                "00ffffffff" + id + "00ffffffff" + id}) {
    EXPECT_FALSE(decode_pack_header(*from_hex(hex.size() % 2 == 0 ? hex : hex + "0"), Id{})) << hex;
  }
}

TEST(Pack, MergedPacksKeepTheirBlobs) {
  PackBuilder a(64), b(64);
  codec::Decompressor decompressor;
  const auto key = counting_key();
  for (auto* pack : {&a, &b}) {
    const std::string text = pack == &a ? "first" : "second";
    Bytes unit;
    codec::seal(key, codec::random_iv(), as_bytes(text), unit);
    pack->add(BlobType::kData, codec::sha256(as_bytes(text)), unit, 0);
  }
  a.merge(b);
  a.finish(key, codec::random_iv());
  const auto blobs = read_pack_header(key, a.bytes(), Id{});
  ASSERT_TRUE(blobs);
  ASSERT_EQ(blobs->size(), 2u);
  for (const auto& blob : *blobs) {
    const auto unit = a.bytes().subspan(blob.location.offset, blob.location.length);
    EXPECT_TRUE(open_blob(key, unit, 0, blob.id, decompressor));
  }
}

TEST(Pack, ABlobIsProvenByItsLengthAndItsHash) {
  const Bytes plain(300'000, 'x');
  codec::Decompressor decompressor;
  for (const bool compress : {true, false}) {
    Bytes content = compress ? Bytes() : plain;
    if (compress) codec::Compressor().compress(plain, content);
    Bytes unit;
    codec::seal(counting_key(), counting_iv(0x40), content, unit);
    const uint32_t length = compress ? 300'000 : 0;
    const auto proven = [&](ByteView bytes, uint32_t says, const Id& id) {
      return prove_blob(counting_key(), bytes, says, id, decompressor).has_value();
    };
    const Id id = codec::sha256(plain);
    EXPECT_TRUE(proven(unit, length, id));
    EXPECT_FALSE(proven(unit, length, codec::sha256(as_bytes("other"))));
    EXPECT_FALSE(proven(unit, compress ? length - 1 : 5, id));
    EXPECT_FALSE(proven(ByteView(unit).first(unit.size() - 1), length, id));
    unit.back() ^= 1;
    EXPECT_FALSE(proven(unit, length, id));
  }
}

TEST(Pack, ABlobHasOnePlainLengthOrNone) {
  const auto length = [](uint64_t sealed, uint64_t plain) {
    return plain_length({Id{}, 0, static_cast<uint32_t>(sealed), static_cast<uint32_t>(plain)});
  };
  EXPECT_EQ(*length(32, 0), 0u);
  EXPECT_EQ(*length(100, 0), 68u);
  EXPECT_EQ(*length(100, 5000), 5000u);
  EXPECT_EQ(*length(kMaxBlob, kMaxBlob), kMaxBlob);
  for (const auto& [sealed, plain] :
       {std::pair<uint64_t, uint64_t>{31, 0}, {0, 7}, {kMaxBlob + 1, 0}, {100, kMaxBlob + 1}}) {
    ASSERT_FALSE(length(sealed, plain));
    EXPECT_EQ(length(sealed, plain).error().kind(), ErrorKind::kCorrupt);
  }
}

}  // namespace
}  // namespace varve::repo
