#include "dump/metadata.h"

#include <gtest/gtest.h>

#include "bson/testing/samples.h"
#include "dump/names.h"

namespace varve::dump {
namespace {

std::vector<bson::Document> list(bson::View array) {
  std::vector<bson::Document> out;
  auto elements = array.elements();
  while (const auto element = elements.next()) out.emplace_back(element->value());
  return out;
}

TEST(Metadata, IsWhatMongodumpWroteOfTheSameServer) {
  const Bytes catalog = bson::testing::read_data("dump/catalog.bson");
  size_t compared = 0;
  for (const ByteView raw : bson::testing::split_documents(catalog)) {
    const bson::View entry(raw);
    const auto file = std::string(*entry.string("file"));
    const auto name = *entry.string("info.name");
    const auto type = *entry.string("info.type");
    const auto uuid = entry.find("info.info.uuid");
    const std::string hex = uuid ? to_hex(*uuid->as_uuid()) : "";
    const Bytes expected = bson::testing::read_data("dump/" + file + ".metadata.json");
    EXPECT_EQ(metadata_json(*entry.document("info.options"), list(*entry.array("indexes")), hex, name, type),
              as_text(expected));
    EXPECT_EQ(escape_collection(name), file);
    const auto parsed = parse_metadata(as_text(expected));
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_TRUE(std::ranges::equal(parsed->options.bytes(), entry.document("info.options")->bytes())) << file;
    EXPECT_EQ(metadata_json(parsed->options, parsed->indexes, parsed->uuid_hex, parsed->collection, type),
              as_text(expected));
    ++compared;
  }
  EXPECT_EQ(compared, 20u);
}

TEST(Metadata, OfOldToolsIsUnderstood) {
  const auto old = parse_metadata(
      R"({"options":{"capped":true,"size":{"$numberLong":"4096"}},"indexes":[{"v":1,"key":{"a":1},"name":"a_1",)"
      R"("ns":"db.c","partialFilterExpression":{"b":{"$regex":"^x","$options":"i"}}}]})");
  ASSERT_TRUE(old) << old.error().message();
  EXPECT_EQ(old->options.view().int64("size"), 4096);
  ASSERT_EQ(old->indexes.size(), 1u);
  EXPECT_FALSE(old->indexes[0].view().find("ns"));
  EXPECT_EQ(old->indexes[0].view().find("partialFilterExpression.b")->type(), bson::Type::kRegex);
  EXPECT_EQ(old->uuid_hex + old->collection, "");
  EXPECT_TRUE(parse_metadata(""));
  EXPECT_FALSE(parse_metadata("{\"indexes\":"));
  EXPECT_FALSE(parse_metadata("{\"uuid\":\"12\"}"));
  EXPECT_FALSE(parse_metadata("{\"indexes\":[{\"name\":\"a\"}]}"));
}

TEST(Prelude, NamesServerAndTool) {
  EXPECT_EQ(prelude_json("6.0.5", "varve 0.1.0"), R"({"ServerVersion":"6.0.5","ToolVersion":"varve 0.1.0"})");
  for (const char* none : {"", "FerretDB v1.24.2"}) {
    EXPECT_EQ(prelude_json(none, "varve 0.1.0"), R"({"ServerVersion":"unknown","ToolVersion":"varve 0.1.0"})");
  }
}

}  // namespace
}  // namespace varve::dump
