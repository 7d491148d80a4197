#include "job/delta_run.h"

#include <gtest/gtest.h>

#include "bson/from_json.h"
#include "bson/json.h"

namespace varve::job {
namespace {

bson::Document doc(const std::string& json) {
  return *bson::from_json(json);
}

class DeltaRunTest : public ::testing::Test {
 protected:
  void change(const std::string& before, const std::string& after) {
    const auto old = before.empty() ? bson::Document() : doc(before);
    const auto anew = after.empty() ? bson::Document() : doc(after);
    EXPECT_TRUE(run_.change(before.empty() ? ByteView() : old.bytes(), after.empty() ? ByteView() : anew.bytes()));
  }
  std::string finished() {
    EXPECT_TRUE(run_.finish());
    return text_;
  }

  std::string text_;
  DeltaRun run_{[this](char op, bson::View id, bson::View document) -> Status {
    text_ += std::string(1, op) + bson::to_json(id, bson::JsonMode::kRelaxed);
    if (op != 'd') text_ += bson::to_json(document, bson::JsonMode::kRelaxed);
    text_ += " ";
    return {};
  }};
};

TEST_F(DeltaRunTest, TellsTheLastStateOfEach) {
  change(R"({"_id":1,"n":1})", R"({"_id":1,"n":2})");
  change("", R"({"_id":2})");
  change(R"({"_id":3})", "");
  EXPECT_EQ(finished(), R"(u{"_id":1}{"_id":1,"n":2} i{"_id":2}{"_id":2} d{"_id":3} )");
  EXPECT_EQ(run_.operations(), 3u);
}

TEST_F(DeltaRunTest, WhatTheBaseHoldsTwiceIsThereOnce) {
  change(R"({"_id":1,"n":1})", R"({"_id":1,"n":2})");
  change(R"({"_id":1,"n":0})", "");
  change(R"({"_id":2,"n":0})", "");
  change("", R"({"_id":2,"n":5})");
  EXPECT_EQ(finished(), R"(u{"_id":1}{"_id":1,"n":2} u{"_id":2}{"_id":2,"n":5} )");
}

TEST_F(DeltaRunTest, WhatCameBackToOneOfTwoCopiesIsThereOnce) {
  change(R"({"_id":1,"n":1})", R"({"_id":1,"n":1})");
  change(R"({"_id":1,"n":2})", "");
  EXPECT_EQ(finished(), R"(u{"_id":1}{"_id":1,"n":1} )");
}

TEST_F(DeltaRunTest, WhatWentCountsAtOnce) {
  change(R"({"_id":1})", "");
  EXPECT_EQ(run_.operations(), 1u);
  EXPECT_GT(run_.bytes(), 0u);
}

TEST_F(DeltaRunTest, AnotherTypeOfNumberIsAnotherDocument) {
  change(R"({"_id":5})", R"({"_id":5.5,"x":1})");
  text_.clear();
  change(R"({"_id":7})", "");
  change("", R"({"_id":{"$numberLong":"7"},"x":1})");
  EXPECT_EQ(finished(), R"(d{"_id":7} i{"_id":7}{"_id":7,"x":1} )");
}

TEST_F(DeltaRunTest, WithoutAnIdItIsOfNoUse) {
  change(R"({"n":5})", "");
  EXPECT_TRUE(run_.unfit());
}

bson::Document part(uint32_t second, const std::string& session, const std::string& o) {
  return doc(R"({"op":"c","ts":{"$timestamp":{"t":)" + std::to_string(second) + R"(,"i":1}},"lsid":{"id":")" + session +
             R"("},"o":)" + o + "}");
}

TEST(OpenParts, AreThoseOfTransactionsThatDidNotEnd) {
  OpenParts open;
  for (const auto& entry :
       {part(1, "a", R"({"applyOps":[],"partialTxn":true})"), part(2, "b", R"({"applyOps":[],"prepare":true})"),
        part(3, "c", R"({"applyOps":[],"partialTxn":true})"), part(4, "a", R"({"applyOps":[]})"),
        part(5, "c", R"({"applyOps":[],"partialTxn":true})"), part(6, "d", R"({"applyOps":[]})")}) {
    ASSERT_TRUE(open.take(entry.bytes()));
  }
  std::string seconds;
  for (const auto& entry : open.entries()) {
    seconds += std::to_string(bson::View(entry).timestamp("ts")->seconds) + " ";
  }
  EXPECT_EQ(seconds, "2 3 5 ");
}

}  // namespace
}  // namespace varve::job
