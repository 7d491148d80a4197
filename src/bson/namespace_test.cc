#include "bson/namespace.h"

#include <gtest/gtest.h>

namespace varve::bson {
namespace {

TEST(Pattern, Table) {
  struct Case {
    const char* pattern;
    const char* text;
    bool expected;
  };
  for (const auto& c : std::vector<Case>{
           {"shop.orders", "shop.orders", true},
           {"shop.orders", "shop.orders2", false},
           {"shop.orders", "shop.order", false},
           {"shop.*", "shop.orders", true},
           {"shop.*", "shop.a.b.c", true},
           {"shop.*", "shop.", true},
           {"shop.*", "shops.x", false},
           {"*", "anything.at.all", true},
           {"*", "", true},
           {"*.orders", "a.b.orders", true},
           {"*.orders", "a.orders.x", false},
           {"s*p.o*s", "shop.orders", true},
           {"s**p.x", "sp.x", true},
           {"a*b*c", "aXbYbZc", true},
           {"a*b*c", "aXbYbZ", false},
           {"*ab", "aab", true},
           {R"(db.a\*b)", "db.a*b", true},
           {R"(db.a\*b)", "db.aXb", false},
           {R"(db.a\\b)", R"(db.a\b)", true},
           {R"(db.\x)", "db.x", true},
           {R"(*\*)", "abc*", true},
           {R"(*\*)", "abc", false},
           {"db.[x]?", "db.[x]?", true},
           {"db.[x]?", "db.xy", false},
           {"", "", true},
           {"", "x", false},
       }) {
    EXPECT_EQ(matches(c.pattern, c.text), c.expected) << c.pattern << " on " << c.text;
  }
}

TEST(Pattern, ManyStarsDoNotBlowUp) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  EXPECT_FALSE(matches(pattern + "b", std::string(5000, 'a')));
  EXPECT_TRUE(matches(pattern, std::string(5000, 'a')));
}

TEST(NamespaceFilter, IncludesThenExcludes) {
  const auto filter = NamespaceFilter::make({"shop.*", "*.users"}, {"shop.tmp*"});
  ASSERT_TRUE(filter);
  EXPECT_TRUE(filter->takes({"shop", "orders"}));
  EXPECT_TRUE(filter->takes({"crm", "users"}));
  EXPECT_FALSE(filter->takes({"crm", "orders"}));
  EXPECT_FALSE(filter->takes({"shop", "tmp1"}));
  EXPECT_FALSE(filter->takes_all());
  EXPECT_TRUE(NamespaceFilter().takes({"any", "thing"}));
  EXPECT_TRUE(NamespaceFilter().takes_all());
}

TEST(NamespaceFilter, RefusesPatternsThatMatchNothing) {
  for (const char* pattern : {"", "shop", R"(shop.x\)", R"(shop\*)"}) {
    const auto filter = NamespaceFilter::make({}, {pattern});
    ASSERT_FALSE(filter) << pattern;
    EXPECT_EQ(filter.error().kind(), ErrorKind::kInvalidInput);
  }
  EXPECT_TRUE(NamespaceFilter::make({"shop*", R"(a\.b)"}, {}));
}

TEST(Namespace, CutsAtTheFirstDot) {
  EXPECT_EQ(Namespace::parse("a.b.c"), (Namespace{"a", "b.c"}));
  EXPECT_EQ(Namespace::parse("a"), (Namespace{"a", ""}));
  EXPECT_EQ(logical({"a", "system.buckets.x.y"}), (Namespace{"a", "x.y"}));
  EXPECT_EQ(logical({"a", "system.views"}), (Namespace{"a", "system.views"}));
}

}  // namespace
}  // namespace varve::bson
