#include "repo/keys.h"

#include <gtest/gtest.h>

#include "repo/config.h"

namespace varve::repo {
namespace {

constexpr KeyCost kCheap{1024, 8, 1};

TEST(Keys, OpenWithTheirPasswordOnly) {
  const auto master = random_key();
  const auto key = make_key_file(master, "geheim", kCheap, *parse_rfc3339("2026-11-21T10:15:02Z"));
  ASSERT_TRUE(key);
  const auto again = decode_key_file(encode_key_file(*key));
  ASSERT_TRUE(again) << again.error().message();
  const auto opened = open_key_file(*again, "geheim");
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->encrypt, master.encrypt);
  EXPECT_EQ(opened->mac_k, master.mac_k);
  EXPECT_EQ(opened->mac_r, master.mac_r);
  EXPECT_EQ(open_key_file(*again, "Geheim").error().kind(), ErrorKind::kWrongPassword);
}

TEST(Keys, AreWrittenAsGoWritesThem) {
  KeyFile key{*parse_rfc3339("2026-11-21T10:15:02Z"), "u", "h", 1024, 8, 1, Bytes(64, 0), Bytes{1, 2, 3}};
  EXPECT_EQ(encode_key_file(key),
            R"({"created":"2026-11-21T10:15:02Z","username":"u","hostname":"h","kdf":"scrypt","N":1024,"r":8,"p":1,)"
            R"("salt":")" +
                std::string(85, 'A') + R"(A==","data":"AQID"})");
}

TEST(Keys, ThatCostTooMuchAreRefusedBeforeTheyArePaid) {
  auto key = *make_key_file(random_key(), "geheim", kCheap, Time{});
  for (const KeyCost cost : {KeyCost{1ull << 40, 8, 1}, KeyCost{1024, 1u << 30, 1}, KeyCost{1024, 8, ~0ull},
                             KeyCost{1000, 8, 1}, KeyCost{0, 0, 0}}) {
    key.n = cost.n;
    key.r = cost.r;
    key.p = cost.p;
    EXPECT_EQ(open_key_file(key, "geheim").error().kind(), ErrorKind::kUnsupported);
  }
}

TEST(Keys, MalformedOnesAreRefused) {
  for (const char* json : {"", "{}", "[]", R"({"kdf":"argon2"})", R"({"kdf":"scrypt","salt":"AAAA"})", "{\"kdf\":1}"}) {
    EXPECT_FALSE(decode_key_file(json)) << json;
  }
}

TEST(Config, IsWrittenAsGoWritesIt) {
  Config config;
  config.id.bytes.fill(0xab);
  config.polynomial = 0x3da3358b4dc173;
  const std::string json = encode_config(config);
  EXPECT_EQ(json, R"({"version":2,"id":")" + config.id.hex() + R"(","chunker_polynomial":"3da3358b4dc173"})");
  const auto again = decode_config(json);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->id, config.id);
  EXPECT_EQ(again->polynomial, config.polynomial);
}

TEST(Config, OtherVersionsAndPolynomialsAreRefused) {
  const std::string id(64, 'a');
  const auto kind = [&](const std::string& version, const std::string& polynomial) {
    const auto config = decode_config(R"({"version":)" + version + R"(,"id":")" + id + R"(","chunker_polynomial":")" +
                                      polynomial + "\"}");
    return config ? std::optional<ErrorKind>() : config.error().kind();
  };
  EXPECT_EQ(kind("1", "3DA3358B4DC173"), std::nullopt);
  EXPECT_EQ(kind("3", "3da3358b4dc173"), ErrorKind::kUnsupported);
  EXPECT_EQ(kind("0", "3da3358b4dc173"), ErrorKind::kUnsupported);
  EXPECT_EQ(kind("2", "3da3358b4dc172"), ErrorKind::kCorrupt);
  EXPECT_EQ(kind("2", ""), ErrorKind::kCorrupt);
  EXPECT_EQ(kind("-2", "3da3358b4dc173"), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace varve::repo
