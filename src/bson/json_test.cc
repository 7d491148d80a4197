#include "bson/json.h"

#include <gtest/gtest.h>

#include "bson/document.h"
#include "bson/testing/samples.h"

namespace varve::bson {
namespace {

std::string relaxed_date(int64_t milliseconds) {
  Builder b;
  return to_json(*b.add_date("d", milliseconds).finish().view().find("d"), JsonMode::kRelaxed);
}

TEST(Json, CanonicalIsWhatTheStockToolPrints) {
  const Bytes corpus = testing::read_data("bson/types.bson");
  const Bytes expected = testing::read_data("bson/types.json");
  std::string all;
  for (const ByteView document : testing::split_documents(corpus)) {
    all += to_json(View(document), JsonMode::kCanonical) + "\n";
  }
  EXPECT_EQ(all, as_text(expected));
}

TEST(Json, RelaxedLooksLikeJson) {
  const std::string expected =
      R"({"_id":{"$oid":"6162636465666768696a6b6c"},"double":1.5,"string":"text","document":{"a":1,"b":{}},)"
      R"("array":[true,null],"uuid":{"$binary":{"base64":"AQIDBAUGBwgJCgsMDQ4PEA==","subType":"04"}},)"
      R"("binary":{"$binary":{"base64":"YWJj","subType":"80"}},"undefined":{"$undefined":true},"bool":false,)"
      R"("date":{"$date":"1970-01-01T00:00:01.500Z"},"null":null,)"
      R"("regex":{"$regularExpression":{"pattern":"^a","options":"im"}},)"
      R"("pointer":{"$dbPointer":{"$ref":"db.c","$id":{"$oid":"6162636465666768696a6b6c"}}},)"
      R"x("code":{"$code":"f()"},"symbol":{"$symbol":"sym"},"scoped":{"$code":"f()","$scope":{"x":1}},"int32":-5,)x"
      R"("timestamp":{"$timestamp":{"t":7,"i":8}},"int64":1099511627776,"decimal":{"$numberDecimal":"1"},)"
      R"("min":{"$minKey":1},"max":{"$maxKey":1}})";
  EXPECT_EQ(to_json(testing::every_type(), JsonMode::kRelaxed), expected);
}

TEST(Json, RelaxedNumbersThatJsonLacks) {
  Builder b;
  b.add("a", std::numeric_limits<double>::infinity()).add("b", -0.0).add("c", 1e100);
  EXPECT_EQ(to_json(b.finish(), JsonMode::kRelaxed), R"({"a":{"$numberDouble":"Infinity"},"b":-0.0,"c":1E+100})");
}

TEST(Json, RelaxedDatesAreReadableWhereIsoCanWriteThem) {
  EXPECT_EQ(relaxed_date(0), R"({"$date":"1970-01-01T00:00:00Z"})");
  EXPECT_EQ(relaxed_date(1582979696007), R"({"$date":"2020-02-29T12:34:56.007Z"})");
  EXPECT_EQ(relaxed_date(253402300799999), R"({"$date":"9999-12-31T23:59:59.999Z"})");
  EXPECT_EQ(relaxed_date(253402300800000), R"({"$date":{"$numberLong":"253402300800000"}})");
  EXPECT_EQ(relaxed_date(-1), R"({"$date":{"$numberLong":"-1"}})");
}

TEST(Json, BrokenBytesShowWhereTheyStand) {
  Bytes bytes = to_bytes(Builder().add("a", int32_t{1}).add("b", int32_t{2}).finish().bytes());
  bytes[4 + 7] = 0x55;
  EXPECT_EQ(to_json(View(bytes), JsonMode::kRelaxed), R"({"a":1,"<not BSON>":null})");
  EXPECT_EQ(to_json(View(), JsonMode::kRelaxed), "{}");
}

}  // namespace
}  // namespace varve::bson
