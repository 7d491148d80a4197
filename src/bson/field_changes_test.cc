#include "bson/field_changes.h"

#include <gtest/gtest.h>

#include "bson/from_json.h"

namespace varve::bson {
namespace {

/// "total: 5 -> 6; gone: 1 -> ; new:  -> 2"
std::string changes(const std::string& before, const std::string& after) {
  const auto from = from_json(before), to = from_json(after);
  std::string text;
  for (const auto& change : field_changes(*from, *to)) {
    text += (text.empty() ? "" : "; ") + change.path + ": " + change.before.value_or("") + " -> " +
            change.after.value_or("");
  }
  return text;
}

TEST(FieldChanges, NamesWhatIsNewGoneAndAnother) {
  EXPECT_EQ(
      changes(R"({"_id":1,"total":5,"gone":1,"same":{"a":[1]}})", R"({"_id":1,"total":6,"same":{"a":[1]},"new":"x"})"),
      R"(total: 5 -> 6; gone: 1 -> ; new:  -> "x")");
  EXPECT_EQ(changes(R"({"_id":1})", R"({"_id":1})"), "");
}

TEST(FieldChanges, LooksIntoDocumentsAndArrays) {
  EXPECT_EQ(changes(R"({"a":{"b":{"c":1,"d":2}}})", R"({"a":{"b":{"c":1,"d":3}}})"), "a.b.d: 2 -> 3");
  EXPECT_EQ(changes(R"({"items":[{"n":1},{"n":2}]})", R"({"items":[{"n":1},{"n":5},{"n":9}]})"),
            R"(items.1.n: 2 -> 5; items.2:  -> {"n":9})");
  EXPECT_EQ(changes(R"({"a":{}})", R"({"a":[]})"), "a: {} -> []");
}

TEST(FieldChanges, ATypeIsAChange) {
  EXPECT_EQ(changes(R"({"n":5})", R"({"n":{"$numberLong":"5"}})"), "n: 5 -> 5");
  EXPECT_EQ(changes(R"({"n":5})", R"({"n":"5"})"), R"(n: 5 -> "5")");
}

TEST(FieldChanges, AnotherOrderIsAChangeOfTheWhole) {
  EXPECT_EQ(changes(R"({"a":1,"b":2})", R"({"b":2,"a":1})"), R"(: {"a":1,"b":2} -> {"b":2,"a":1})");
  EXPECT_EQ(changes(R"({"x":{"a":1,"b":2}})", R"({"x":{"b":2,"a":1}})"), R"(x: {"a":1,"b":2} -> {"b":2,"a":1})");
}

}  // namespace
}  // namespace varve::bson
