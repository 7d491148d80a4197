#include "dump/names.h"

#include <gtest/gtest.h>

namespace varve::dump {
namespace {

TEST(EscapeCollection, LikeAForm) {
  EXPECT_EQ(escape_collection("orders-2.x_y~z"), "orders-2.x_y~z");
  EXPECT_EQ(escape_collection("sp ace"), "sp+ace");
  EXPECT_EQ(escape_collection("a/b%c$d+e\n"), "a%2Fb%25c%24d%2Be%0A");
  EXPECT_EQ(escape_collection("uni\u00e9\u2603"), "uni%C3%A9%E2%98%83");
  EXPECT_EQ(escape_collection("../x"), "..%2Fx");
  EXPECT_EQ(escape_collection(std::string_view("\0\xff", 2)), "%00%FF");
}

TEST(EscapeCollection, LongNamesAreCutAndHashed) {
  EXPECT_EQ(escape_collection(std::string(238, 'x')), std::string(238, 'x'));
  const std::string cut = escape_collection(std::string(239, 'x'));
  EXPECT_EQ(cut.size(), 238u);
  EXPECT_EQ(cut.substr(0, 211), std::string(208, 'x') + "%24");
  // Made by mongodump: the cut falls inside a percent escape.
  std::string snowmen = "long";
  for (int i = 0; i < 40; ++i) snowmen += "\u2603";
  std::string expected = "long";
  for (int i = 0; i < 22; ++i) expected += "%E2%98%83";
  EXPECT_EQ(escape_collection(snowmen), expected + "%E2%98%24R-fzysSK8bpEWRkPiUnMkZlgKAs");
}

TEST(CollectionNames, MongorestoreMisreadsSomeThatAreShortened) {
  const std::string longest(230, 'x');
  EXPECT_FALSE(is_misread("a+b%", false) || is_misread(longest, false) ||
               is_misread(longest + std::string(20, ' '), false));
  EXPECT_TRUE(is_misread(longest + "%%%", false));
  EXPECT_TRUE(is_misread(longest, true));
  EXPECT_FALSE(is_misread("short", true));
}

TEST(CheckDatabase, TakesFolderNamesOnly) {
  for (const char* good : {"shop", "a.b", "...", "$external", "\u00e9"}) EXPECT_TRUE(check_database(good)) << good;
  for (const std::string& bad : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                 std::string("/"), std::string("a\\b"), std::string("a\0b", 3), std::string(64, 'x')}) {
    EXPECT_FALSE(check_database(bad)) << bad;
  }
}

}  // namespace
}  // namespace varve::dump
