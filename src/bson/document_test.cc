#include "bson/document.h"

#include <gtest/gtest.h>

#include "bson/json.h"
#include "bson/testing/samples.h"

namespace varve::bson {
namespace {

TEST(Builder, WritesWhatTheViewReads) {
  Builder b;
  b.add("find", "things").open("filter").add("x", int32_t{1}).open_array("in").add("0", 2.5).end().end();
  b.add("at", Timestamp{3, 4}).add("empty", View()).add_array("none", View()).add("last", true);
  const Document d = b.finish();
  ASSERT_TRUE(validate(d.bytes()));
  EXPECT_EQ(to_json(d, JsonMode::kRelaxed),
            R"({"find":"things","filter":{"x":1,"in":[2.5]},"at":{"$timestamp":{"t":3,"i":4}},"empty":{},"none":[],)"
            R"("last":true})");
}

TEST(Builder, CopiesElementsUnchangedAndRenamed) {
  const Document all = testing::every_type();
  Builder copy, renamed;
  auto elements = all.view().elements();
  while (const auto element = elements.next()) {
    copy.add(*element);
    renamed.add("new " + std::string(element->name()), *element);
  }
  EXPECT_EQ(to_bytes(copy.finish().bytes()), to_bytes(all.bytes()));
  const Document other = renamed.finish();
  EXPECT_TRUE(validate(other.bytes()));
  EXPECT_EQ(other.view().string("new string"), "text");
}

TEST(Builder, WritesIntoTheRoomThatItIsGiven) {
  auto document = Builder().add("filler", std::string(1000, 'x')).finish();
  const auto* place = document.bytes().data();
  const auto again = Builder(std::move(document).release()).add("a", int32_t{1}).finish();
  EXPECT_EQ(again.bytes().data(), place);
  EXPECT_EQ(to_hex(again.bytes()), to_hex(Builder().add("a", int32_t{1}).finish().bytes()));
}

TEST(Builder, ClosesWhatIsOpenAndStartsAnew) {
  Builder b;
  const Document d = b.open("a").open_array("b").finish();
  EXPECT_EQ(to_json(d, JsonMode::kRelaxed), R"({"a":{"b":[]}})");
  EXPECT_EQ(to_bytes(b.finish().bytes()), to_bytes(Document().bytes()));
}

}  // namespace
}  // namespace varve::bson
