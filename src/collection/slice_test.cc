#include "collection/slice.h"

#include <gtest/gtest.h>

#include "bson/document.h"

namespace varve::collection {
namespace {

TEST(Slice, LiesInTheHourOfItsLastEntry) {
  EXPECT_EQ(slice_folder({1795859999, 7}), "2026/11/28/09");
  EXPECT_EQ(slice_folder({1795860000, 0}), "2026/11/28/10");
  EXPECT_EQ(slice_folder({0, 0}), "1970/01/01/00");
  EXPECT_EQ(slice_folder({UINT32_MAX, 0}), "2106/02/07/06");
}

TEST(Slice, HasANameThatSortsAsItsTimesDo) {
  const SliceSpan span{{1795860000, 3}, {1795860004, 12}};
  EXPECT_EQ(slice_name(span), "1795860000.0000000003-1795860004.0000000012");
  EXPECT_EQ(parse_slice_name(slice_name(span) + ".bson"), span);
  const SliceSpan later{{1795860004, 12}, {1795860004, UINT32_MAX}};
  EXPECT_LT(slice_name(span), slice_name(later));
  EXPECT_EQ(parse_slice_name(slice_name(later) + ".bson"), later);
}

TEST(Slice, TakesNoOtherName) {
  for (const std::string name :
       {"1795860000.0000000003-1795860004.0000000012.json", "1795860000.0000000003-1795860004.0000000012",
        "1795860000.3-1795860004.12.bson", "1795860004.0000000012-1795860000.0000000003.bson",
        "9999999999.0000000003-9999999999.0000000012.bson", "1795860000.000000000a-1795860004.0000000012.bson",
        "1795860000-0000000003.1795860004-0000000012.bson", "", ".bson"}) {
    EXPECT_FALSE(parse_slice_name(name)) << name;
  }
}

SliceInfo sample() {
  SliceInfo info;
  info.span = {{1795860000, 3}, {1795860004, 12}};
  info.after_term = 4;
  info.last_term = 5;
  info.set_name = "rs0";
  info.set_id = "0123456789abcdef01234567";
  info.member = "db1:27017";
  info.server_version = "6.0.5";
  info.fcv = "6.0";
  info.rollback_id = 1;
  info.wall = *parse_rfc3339("2026-11-28T09:00:04.25Z");
  info.entries = 20;
  info.bytes = 4711;
  info.oldest_open = {1795859990, 1};
  info.gap = "the oplog rolled over";
  info.run = "run";
  info.host = "backup1";
  info.process = 42;
  info.operations[{"shop", "orders"}] = {.inserts = 3, .updates = 2, .deletes = 1, .commands = 0};
  info.operations[{"shop", "no\xffutf8"}] = {.inserts = 0, .updates = 0, .deletes = 0, .commands = 7};
  return info;
}

TEST(Slice, IsDescribedInJson) {
  const auto text = encode_slice(sample());
  const auto read = decode_slice(text);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->span, sample().span);
  EXPECT_EQ(read->wall, sample().wall);
  EXPECT_EQ(read->oldest_open, sample().oldest_open);
  EXPECT_EQ(read->operations, sample().operations);
  EXPECT_EQ(encode_slice(*read), text);
  EXPECT_EQ(text.back(), '\n');
}

TEST(Slice, RefusesWhatIsNoDescription) {
  auto later = encode_slice(sample());
  later.replace(later.find(":1,"), 3, ":2,");
  EXPECT_EQ(decode_slice(later).error().kind(), ErrorKind::kUnsupported);
  auto lacking = encode_slice(sample());
  lacking.replace(lacking.find("\"gap\""), 5, "\"pag\"");
  for (const std::string& text : {std::string("{}"), std::string("[]"), std::string("x"), lacking}) {
    const auto read = decode_slice(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind(), ErrorKind::kCorrupt) << text;
  }
}

TEST(Slice, CountsWhatEntriesDo) {
  const auto entry = [](const char* op, const char* ns, const bson::Document& o) {
    bson::Builder builder;
    builder.add("ts", bson::Timestamp{1, 1}).add("t", int64_t{1}).add("v", int64_t{2}).add("op", op).add("ns", ns);
    builder.add("o", o);
    return builder.finish();
  };
  bson::Builder id;
  id.add("_id", int32_t{1});
  const auto one = id.finish();
  bson::Builder drop;
  drop.add("drop", "orders");
  bson::Builder noop;
  noop.add("msg", "periodic noop");
  bson::Builder group;
  group.open_array("applyOps");
  for (int i = 0; i < 2; ++i) {
    group.open(std::to_string(i)).add("op", "i").add("ns", "shop.orders").add("o", one).end();
  }
  group.end();
  std::map<bson::Namespace, SliceCounts> counts;
  for (const auto& document :
       {entry("i", "shop.orders", one), entry("d", "shop.orders", one), entry("c", "shop.$cmd", drop.finish()),
        entry("n", "", noop.finish()), entry("c", "admin.$cmd", group.finish())}) {
    count_operations(document.view(), counts);
  }
  const std::map<bson::Namespace, SliceCounts> expected = {
      {{"shop", "orders"}, {.inserts = 3, .updates = 0, .deletes = 1, .commands = 1}}};
  EXPECT_EQ(counts, expected);
}

}  // namespace
}  // namespace varve::collection
