#include "collection/manifest.h"

#include <gtest/gtest.h>

#include "bson/testing/samples.h"

namespace varve::collection {
namespace {

Manifest sample() {
  Manifest m;
  m.varve_version = "0.1.0";
  m.backup_id = "7f8f2c1e-0000-4000-8000-000000000001";
  m.source = "shop";
  m.set_name = "rs0";
  m.set_id = "0123456789abcdef01234567";
  m.server_version = "6.0.5";
  m.fcv = "6.0";
  m.member = "db1:27017";
  m.member_role = "hidden secondary";
  m.member_changes = {"db1:27017 was lost while it was read"};
  m.consistency = "window";
  m.oplog_start = {1795251200, 1};
  m.t0 = {1795251206, 3};
  m.t1 = {4294967295, 4294967295};
  m.oplog_entries = 10;
  m.oplog_changes = UINT64_MAX;
  m.needs_varve = {"a rename of shop.a"};
  m.includes = {"shop.*"};
  m.default_rw_concern = bson::Builder().add("level", "majority").finish();
  CollectionEntry c;
  c.ns = {"shop", std::string("odd\xff\0name", 9)};
  c.type = "collection";
  c.uuid = "000102030405060708090a0b0c0d0e0f";
  c.options = bson::testing::every_type();
  c.id_index = bson::Builder().add("name", "_id_").finish();
  c.indexes = {bson::Builder().add("name", "a_1").finish(), bson::testing::every_type()};
  c.unfinished_indexes = {"b_1"};
  c.order = Order::kId;
  c.average_chunk = 8u << 20;
  c.as_read.add(c.options.bytes());
  c.how = "window";
  c.note = "dropped while it was read \"quoted\" \u2603";
  CollectionEntry view;
  view.ns = {"shop", "view"};
  view.type = "view";
  m.collections = {c, view};
  m.skipped = {{"shop.x", "unsupported", true}, {"config", "out of scope", false}};
  return m;
}

TEST(Manifest, RoundTrips) {
  const Manifest m = sample();
  const std::string json = encode_manifest(m);
  const auto decoded = decode_manifest(json);
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(encode_manifest(*decoded), json);
  EXPECT_EQ(decoded->t1, m.t1);
  EXPECT_EQ(decoded->oplog_changes, UINT64_MAX);
  ASSERT_EQ(decoded->collections.size(), 2u);
  const auto& c = decoded->collections[0];
  EXPECT_EQ(c.ns, m.collections[0].ns);
  EXPECT_EQ(to_bytes(c.options.bytes()), to_bytes(bson::testing::every_type().bytes()));
  EXPECT_EQ(c.indexes.size(), 2u);
  EXPECT_EQ(c.order, Order::kId);
  EXPECT_EQ(c.as_read, m.collections[0].as_read);
  EXPECT_TRUE(decoded->skipped[0].counts);
  EXPECT_TRUE(decode_manifest(encode_manifest(Manifest())));
}

TEST(Manifest, KeysStandInAFixedOrder) {
  const std::string json = encode_manifest(sample());
  EXPECT_TRUE(json.starts_with("{\n  \"format\": 1,\n  \"varve_version\": \"0.1.0\",\n")) << json;
  EXPECT_NE(json.find("\"t0\": \"1795251206:3\""), std::string::npos);
  EXPECT_NE(json.find(R"("base64": "b2Rk/wBuYW1l")"), std::string::npos);
  EXPECT_TRUE(json.ends_with("}\n"));
}

/// The sample with one piece of its text replaced.
Result<Manifest> changed(std::string_view from, std::string_view to) {
  std::string json = encode_manifest(sample());
  const size_t at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return decode_manifest(json.replace(at, from.size(), to));
}

TEST(Manifest, TheTimeOfReadingMayBeMissing) {
  Manifest m = sample();
  m.read_at = {7, 3};
  EXPECT_EQ(decode_manifest(encode_manifest(m))->read_at, m.read_at);
  const auto old = changed("\"read_at\"", "\"something\"");
  ASSERT_TRUE(old) << old.error().message();
  EXPECT_EQ(old->read_at, bson::Timestamp{});
}

TEST(Manifest, UnknownKeysAreIgnoredAndOtherFormatsRefused) {
  EXPECT_TRUE(changed("\"source\"", "\"new\": {\"x\": [1]}, \"source\""));
  EXPECT_EQ(changed("\"format\": 1", "\"format\": 2").error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(changed("\"format\": 1", "\"format\": \"1\"").error().kind(), ErrorKind::kCorrupt);
}

TEST(Manifest, RefusesWhatHasAnotherTypeAndNamesIt) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"source\": \"shop\"", "\"source\": 1"},
           {"\"source\": \"shop\"", "\"sauce\": \"shop\""},
           {"\"t0\": \"1795251206:3\"", "\"t0\": \"1795251206\""},
           {"\"t0\": \"1795251206:3\"", "\"t0\": \"4294967296:3\""},
           {"\"oplog_entries\": 10", "\"oplog_entries\": -1"},
           {"\"oplog_entries\": 10", "\"oplog_entries\": 1.5"},
           {"\"order\": \"_id\"", "\"order\": \"sideways\""},
           {"\"average_chunk\": 8388608", "\"average_chunk\": 4294967296"},
           {"\"uuid\": \"0001", "\"uuid\": \"x001"},
           {"\"options\": \"", "\"options\": \"AAAA"},
           {"\"options\": \"", "\"options\": \"*"},
           {"\"counts\": true", "\"counts\": 1"},
           {"\"base64\": \"b2Rk/wBuYW1l\"", "\"base64\": \"*\""},
           {"\"includes\": [", "\"includes\": [[], "},
       }) {
    const auto result = changed(from, to);
    ASSERT_FALSE(result) << to;
    EXPECT_EQ(result.error().kind(), ErrorKind::kCorrupt) << to;
    EXPECT_TRUE(result.error().message().starts_with("the manifest: ")) << result.error().message();
  }
}

TEST(Manifest, SurvivesTruncationMutationAndDepth) {
  const std::string json = encode_manifest(sample());
  for (size_t size = 0; size + 2 < json.size(); size += 7) EXPECT_FALSE(decode_manifest(json.substr(0, size)));
  for (size_t at = 0; at < json.size(); at += 3) {
    for (const char c : {'\0', '"', '{', '}', '9', '\xff'}) {
      std::string other = json;
      other[at] = c;
      if (const auto decoded = decode_manifest(other)) EXPECT_TRUE(decode_manifest(encode_manifest(*decoded)));
    }
  }
  EXPECT_FALSE(decode_manifest(std::string(1'000'000, '[')));
  EXPECT_FALSE(decode_manifest("{\"x\":" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}"));
  for (const char* text : {"", "null", "[]", "1", "\"x\"", "{}"}) EXPECT_FALSE(decode_manifest(text)) << text;
}

}  // namespace
}  // namespace varve::collection
