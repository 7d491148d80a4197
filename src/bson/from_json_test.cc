#include "bson/from_json.h"

#include <gtest/gtest.h>

#include "bson/json.h"
#include "bson/testing/samples.h"

namespace varve::bson {
namespace {

std::string canonical(std::string_view text, JsonDialect dialect = JsonDialect::kVersion2) {
  const auto document = from_json(text, dialect);
  return document ? to_json(*document, JsonMode::kCanonical) : document.error().message();
}

TEST(FromJson, TakesBackWhatTheStockToolPrints) {
  const Bytes corpus = testing::read_data("bson/types.bson");
  const Bytes json = testing::read_data("bson/types.json");
  std::string_view lines = as_text(json);
  size_t compared = 0;
  for (const ByteView expected : testing::split_documents(corpus)) {
    std::string line(lines.substr(0, lines.find('\n')));
    lines.remove_prefix(line.size() + 1);
    const auto document = from_json(line);
    ASSERT_TRUE(document) << document.error().message();
    EXPECT_TRUE(validate(document->bytes()));
    // Of what JSON cannot tell (bytes that are no UTF-8, the order of a regular expression's options) the text is left.
    for (size_t at; (at = line.find("\\ufffd")) != std::string::npos;) line.replace(at, 6, "\uFFFD");
    EXPECT_EQ(to_json(*document, JsonMode::kCanonical), line);
    compared += std::ranges::equal(document->bytes(), expected);
  }
  EXPECT_GT(compared, 0u);
}

TEST(FromJson, EveryTypeComesBack) {
  const auto document = testing::every_type();
  for (const auto mode : {JsonMode::kCanonical, JsonMode::kRelaxed}) {
    const auto again = from_json(to_json(document, mode));
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(to_json(*again, JsonMode::kRelaxed), to_json(document, JsonMode::kRelaxed));
  }
}

TEST(FromJson, TakesNumbersByWhatHoldsThem) {
  EXPECT_EQ(canonical(R"({"a":1,"b":-3000000000,"c":1.0,"d":18446744073709551615})"),
            R"({"a":{"$numberInt":"1"},"b":{"$numberLong":"-3000000000"},"c":{"$numberDouble":"1.0"},)"
            R"("d":{"$numberDouble":"1.8446744073709552E+19"}})");
  EXPECT_EQ(canonical(R"({"a":{"$numberLong":5},"b":{"$numberDouble":"-Infinity"}})"),
            R"({"a":{"$numberLong":"5"},"b":{"$numberDouble":"-Infinity"}})");
}

TEST(FromJson, TakesFormsOfTheFirstVersion) {
  EXPECT_EQ(canonical(R"({"b":{"$binary":"YWJj","$type":"80"},"c":{"$type":"0","$binary":"YWJj"}})"),
            R"({"b":{"$binary":{"base64":"YWJj","subType":"80"}},"c":{"$binary":{"base64":"YWJj","subType":"00"}}})");
  EXPECT_EQ(canonical(R"({"d":{"$date":"1970-01-01T01:00:01.5+01:00"},"e":{"$date":7},"u":{"$undefined":true}})"),
            R"({"d":{"$date":{"$numberLong":"1500"}},"e":{"$date":{"$numberLong":"7"}},"u":{"$undefined":true}})");
  EXPECT_EQ(canonical(R"({"r":{"$regex":"^a","$options":"i"}})", JsonDialect::kVersion1),
            R"({"r":{"$regularExpression":{"pattern":"^a","options":"i"}}})");
}

TEST(FromJson, LeavesQueryOperatorsAlone) {
  for (const auto* text : {R"({"a":{"$regex":"^x"}})", R"({"a":{"$regex":"^x","$options":"i"}})",
                           R"({"a":{"$type":"int"}})", R"({"$and":[{"a":{"$gt":"b"}}]})", R"({"$match":{},"$sort":{}})",
                           R"({"_id":"x","$ref":"y"})", R"({})", R"({"":{"":""}})", R"({"a":"1","a":"2"})"}) {
    EXPECT_EQ(canonical(text), text);
  }
}

TEST(FromJson, NamesWhatItCannotTake) {
  EXPECT_EQ(canonical("{\"a\":"), "it is not JSON at byte 6");
  EXPECT_EQ(canonical("[1]"), "it is not a JSON object");
  EXPECT_EQ(canonical("{\"a\\u0000\":1}"), "a key holds a zero byte");
  EXPECT_EQ(canonical(R"({"a":{"$oid":"12"}})"), "\"$oid\" has a value that makes no sense");
  EXPECT_EQ(canonical(R"({"a":{"$numberInt":"3000000000"}})"), "\"$numberInt\" has a value that makes no sense");
  EXPECT_EQ(canonical(R"({"a":{"$date":"2026-02-30T00:00:00Z"}})"), "\"$date\" has a value that makes no sense");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_EQ(canonical(deep), "it is nested deeper than a document can be");
  std::string many = "{\"a\":[0";
  for (int i = 0; i < 1'000'000; ++i) many += ",0";
  EXPECT_EQ(canonical(many + "]}"), "it holds too many values");
}

}  // namespace
}  // namespace varve::bson
