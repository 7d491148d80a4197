#include "bson/rename.h"

#include <gtest/gtest.h>

namespace varve::bson {
namespace {

std::string renamed(const std::vector<std::string>& from, const std::vector<std::string>& to, std::string_view name) {
  const auto rename = NamespaceRename::make(from, to);
  EXPECT_TRUE(rename) << rename.error().message();
  return rename ? (*rename)(Namespace::parse(name)).text() : "";
}

TEST(NamespaceRename, StarsTakeTheirRunsAlong) {
  EXPECT_EQ(renamed({"shop.*"}, {"shop_copy.*"}, "shop.orders"), "shop_copy.orders");
  EXPECT_EQ(renamed({"shop.*"}, {"shop_copy.*"}, "shop.orders.2026.old"), "shop_copy.orders.2026.old");
  EXPECT_EQ(renamed({"shop.*"}, {"shop_copy.*"}, "workshop.orders"), "workshop.orders");
  EXPECT_EQ(renamed({"*.logs_*"}, {"logs.*_*"}, "web.logs_2026"), "logs.web_2026");
  EXPECT_EQ(renamed({"shop.orders"}, {"shop.orders_saved"}, "shop.orders"), "shop.orders_saved");
  EXPECT_EQ(renamed({"shop.orders"}, {"shop.orders_saved"}, "shop.orders_saved"), "shop.orders_saved");
}

TEST(NamespaceRename, NamedRunsMayChangePlaces) {
  EXPECT_EQ(renamed({"$customer$.$what$"}, {"all.$what$_$customer$"}, "acme.orders"), "all.orders_acme");
  EXPECT_EQ(renamed({"$db$.x"}, {"$db$.y_$db$"}, "a.x"), "a.y_a");
}

TEST(NamespaceRename, EachRunIsAsShortAsCanBe) {
  EXPECT_EQ(renamed({"*.a*a"}, {"n.*-*"}, "d.aaa"), "n.d-a");
  EXPECT_EQ(renamed({"*.*"}, {"*.x_*"}, "a.b.c"), "a.x_b.c");
  EXPECT_EQ(renamed({"d.$x$a$y$"}, {"d.$x$|$y$"}, "d.baab"), "d.b|ab");
}

TEST(NamespaceRename, TheLastPairThatMatchesCounts) {
  EXPECT_EQ(renamed({"a.*", "a.x"}, {"b.*", "c.y"}, "a.x"), "c.y");
  EXPECT_EQ(renamed({"a.*", "a.x"}, {"b.*", "c.y"}, "a.z"), "b.z");
  EXPECT_EQ(renamed({"a.x", "a.*"}, {"c.y", "b.*"}, "a.x"), "b.x");
}

TEST(NamespaceRename, ABackslashTakesTheNextCharacterAsItIs) {
  EXPECT_EQ(renamed({R"(a.\*\$)"}, {R"(b.\\)"}, "a.*$"), R"(b.\)");
  EXPECT_EQ(renamed({R"(a.\*)"}, {"b.c"}, "a.x"), "a.x");
}

TEST(NamespaceRename, BucketsFollowTheirTimeSeries) {
  EXPECT_EQ(renamed({"shop.*"}, {"copy.*_old"}, "shop.system.buckets.heat"), "copy.system.buckets.heat_old");
}

TEST(NamespaceRename, RefusesPairsThatMakeNoSense) {
  const auto error = [](const std::vector<std::string>& from, const std::vector<std::string>& to) {
    const auto rename = NamespaceRename::make(from, to);
    return rename ? "" : rename.error().message();
  };
  const auto says = [&](const std::string& message, const char* words) {
    EXPECT_NE(message.find(words), std::string::npos) << message;
  };
  says(error({"a.b"}, {}), "1 names to rename from and 0");
  says(error({"shop"}, {"a.b"}), "neither a dot nor a star");
  says(error({"a.*"}, {"a.b"}), "same number of stars");
  says(error({"a.$x$$x$"}, {"a.$x$"}), "twice");
  says(error({"a.$x$"}, {"a.$y$"}), "$y$ is not on the left");
  says(error({"a.$x"}, {"a.b"}), "none that ends it");
  says(error({"a.$$"}, {"a.b"}), "no characters");
  says(error({"a.b\\"}, {"a.b"}), "lone backslash");
}

}  // namespace
}  // namespace varve::bson
