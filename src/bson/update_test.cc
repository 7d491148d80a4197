#include "bson/update.h"

#include <random>

#include <gtest/gtest.h>

#include "bson/compose.h"
#include "bson/json.h"
#include "bson/testing/samples.h"

namespace varve::bson {
namespace {

std::string text(const Result<Document>& document) {
  if (!document) return "error: " + document.error().message();
  EXPECT_TRUE(validate(document->bytes()));
  return to_json(*document, JsonMode::kRelaxed);
}

std::string updated(const Document& document, const Document& o) {
  return text(apply_update(document, o));
}

/// {$v: 2, diff: <diff>}
Document diff(const Document& content) {
  return Builder().add("$v", int32_t{2}).add("diff", content).finish();
}

/// {_id: 1, a: 1, b: {x: 1, y: 2}, c: [1, 2, 3]}
Document sample() {
  Builder b;
  b.add("_id", int32_t{1}).add("a", int32_t{1}).open("b").add("x", int32_t{1}).add("y", int32_t{2}).end();
  return b.open_array("c").add("0", int32_t{1}).add("1", int32_t{2}).add("2", int32_t{3}).end().finish();
}

// --- whole documents

TEST(Update, AReplacementKeepsTheIdThatItLacks) {
  EXPECT_EQ(updated(sample(), Builder().add("z", true).finish()), R"({"_id":1,"z":true})");
  EXPECT_EQ(updated(sample(), Builder().add("_id", int32_t{1}).add("z", true).finish()), R"({"_id":1,"z":true})");
  EXPECT_EQ(updated(sample(), Document()), R"({"_id":1})");
}

// --- {$v: 1}

Document set(std::initializer_list<std::pair<std::string_view, int32_t>> paths) {
  Builder b;
  b.add("$v", int32_t{1}).open("$set");
  for (const auto& [path, value] : paths) b.add(path, value);
  return b.finish();
}

Document unset(std::initializer_list<std::string_view> paths) {
  Builder b;
  b.add("$v", int32_t{1}).open("$unset");
  for (const auto& path : paths) b.add(path, true);
  return b.finish();
}

TEST(Modifiers, SetInPlaceAndAppendInTheirOrder) {
  EXPECT_EQ(updated(sample(), set({{"z", 9}, {"a", 7}, {"y", 8}})),
            R"({"_id":1,"a":7,"b":{"x":1,"y":2},"c":[1,2,3],"z":9,"y":8})");
}

TEST(Modifiers, FollowAndMakePaths) {
  EXPECT_EQ(updated(sample(), set({{"b.y", 7}, {"b.z.deep", 8}, {"n.m", 9}})),
            R"({"_id":1,"a":1,"b":{"x":1,"y":7,"z":{"deep":8}},"c":[1,2,3],"n":{"m":9}})");
}

TEST(Modifiers, ReachIntoArraysAndPadThem) {
  EXPECT_EQ(updated(sample(), set({{"c.1", 7}, {"c.5", 8}, {"c.4.k", 9}})),
            R"({"_id":1,"a":1,"b":{"x":1,"y":2},"c":[1,7,3,null,{"k":9},8]})");
  EXPECT_EQ(updated(sample(), unset({"c.1", "c.9", "b.x", "nowhere.at.all"})),
            R"({"_id":1,"a":1,"b":{"y":2},"c":[1,null,3]})");
}

TEST(Modifiers, PathsThatLeadNowhereChangeNothing) {
  EXPECT_EQ(updated(sample(), set({{"a.x", 7}})), R"({"_id":1,"a":1,"b":{"x":1,"y":2},"c":[1,2,3]})");
  EXPECT_EQ(updated(sample(), set({{"c.name", 7}})), R"({"_id":1,"a":1,"b":{"x":1,"y":2},"c":[1,2,3]})");
}

TEST(Modifiers, APositionMayBeginWithZeros) {
  EXPECT_EQ(updated(sample(), set({{"c.01", 8}})), R"({"_id":1,"a":1,"b":{"x":1,"y":2},"c":[1,8,3]})");
  EXPECT_EQ(updated(sample(), set({{"c.04.s", 8}})), R"({"_id":1,"a":1,"b":{"x":1,"y":2},"c":[1,2,3,null,{"s":8}]})");
  EXPECT_EQ(updated(sample(), set({{"c.1", 7}, {"c.01", 8}})),
            "error: an update that names one position of an array in two ways");
}

TEST(Modifiers, RefuseWhatContradictsItself) {
  for (const Document& o : {set({{"a", 1}, {"a", 2}}), set({{"b", 1}, {"b.x", 2}}), set({{"b.x", 1}, {"b", 2}})}) {
    const auto result = apply_update(sample(), o);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind(), ErrorKind::kCorrupt);
  }
  const auto other = apply_update(sample(), Builder().open("$inc").add("a", int32_t{1}).finish());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind(), ErrorKind::kUnsupported);
  EXPECT_NE(other.error().message().find("$inc"), std::string::npos);
}

// --- {$v: 2}

TEST(Diff, SectionsChangeFieldsInTheServersOrder) {
  Builder d;
  d.open("d").add("a", false).add("never there", false).end();
  d.open("u").add("z", int32_t{9}).add("c", int32_t{3}).end();
  d.open("i").add("b", int32_t{7}).add("n", int32_t{8}).end();
  EXPECT_EQ(updated(sample(), diff(d.finish())), R"({"_id":1,"c":3,"z":9,"b":7,"n":8})");
}

TEST(Diff, GoesIntoDocuments) {
  Builder d;
  d.open("sb").open("u").add("x", int32_t{5}).end().open("i").add("w", true).end().end();
  EXPECT_EQ(updated(sample(), diff(d.finish())), R"({"_id":1,"a":1,"b":{"x":5,"y":2,"w":true},"c":[1,2,3]})");
}

TEST(Diff, GoesIntoArrays) {
  Builder d;
  d.open("sc").add("a", true).add("u1", int32_t{7}).add("u5", int32_t{8}).end();
  EXPECT_EQ(updated(sample(), diff(d.finish())), R"({"_id":1,"a":1,"b":{"x":1,"y":2},"c":[1,7,3,null,null,8]})");
  d.open("sc").add("a", true).add("l", int32_t{2}).end();
  EXPECT_EQ(updated(sample(), diff(d.finish())), R"({"_id":1,"a":1,"b":{"x":1,"y":2},"c":[1,2]})");
  d.open("sc").add("a", true).add("l", int32_t{4}).add("u0", int32_t{7}).end();
  EXPECT_EQ(updated(sample(), diff(d.finish())), R"({"_id":1,"a":1,"b":{"x":1,"y":2},"c":[7,2,3,null]})");
}

TEST(Diff, LeavesNullWhereItDoesNotFit) {
  Builder d;
  d.open("sa").open("u").add("x", int32_t{5}).end().end();       // a is a number
  d.open("sc").open("u").add("x", int32_t{5}).end().end();       // c is an array
  d.open("sabsent").open("u").add("x", int32_t{5}).end().end();  // there is none
  d.open("sb").add("a", true).add("u0", int32_t{5}).end();       // b is a document
  EXPECT_EQ(updated(sample(), diff(d.finish())), R"({"_id":1,"a":null,"b":null,"c":null})");
  d.open("sc").add("a", true).open("s0").open("u").add("x", true).end().end().open("s4").open("u").add("x", true);
  EXPECT_EQ(updated(sample(), diff(d.finish())), R"({"_id":1,"a":1,"b":{"x":1,"y":2},"c":[null,2,3,null,null]})");
}

TEST(Diff, AFieldNamedLikeASectionIsAField) {
  const Document document =
      Builder().add("_id", int32_t{1}).open("a").add("u", int32_t{1}).end().add("", int32_t{2}).finish();
  Builder d;
  d.open("u").add("", int32_t{4}).end().open("sa").open("u").add("u", int32_t{3}).add("a", true).end().end();
  EXPECT_EQ(updated(document, diff(d.finish())), R"({"_id":1,"a":{"u":3,"a":true},"":4})");
}

TEST(Diff, BinaryDiffsAreRefusedByName) {
  const auto result = apply_update(sample(), diff(Builder().open("b").open("a").end().finish()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kUnsupported);
  EXPECT_NE(result.error().message().find("binary"), std::string::npos);
}

TEST(Diff, RefusesWhatNoServerWrites) {
  Builder d;
  const std::vector<Document> wrong = {
      diff(Document()),
      diff(d.open("u").add("a", true).end().open("d").add("a", false).finish()),
      diff(d.open("u").add("a", true).end().open("u").add("b", false).finish()),
      diff(d.open("u").add("a", true).end().open("sa").open("u").add("x", true).finish()),
      diff(d.add("u", true).finish()),
      diff(d.open("sc").add("a", true).add("u2", true).add("u1", true).finish()),
      diff(d.open("sc").add("a", true).add("l", int32_t{-1}).finish()),
      diff(d.open("sc").add("a", false).add("u1", true).finish()),
      diff(d.open("sc").add("a", true).add("u4000000000", true).finish()),
      diff(d.add("a", true).add("u0", true).finish()),
      Builder().add("$v", int32_t{2}).finish(),
  };
  for (const auto& o : wrong) {
    const auto result = apply_update(sample(), o);
    ASSERT_FALSE(result) << to_json(o, JsonMode::kRelaxed);
    EXPECT_EQ(result.error().kind(), ErrorKind::kCorrupt) << result.error().message();
  }
  EXPECT_EQ(apply_update(sample(), Builder().add("$v", int32_t{3}).finish()).error().kind(), ErrorKind::kUnsupported);
}

TEST(Diff, DeepNestingEndsInAnError) {
  Builder d;
  for (int i = 0; i < 300; ++i) d.open("sb");
  Builder document;
  document.add("_id", int32_t{1});
  for (int i = 0; i < 300; ++i) document.open("b");
  EXPECT_FALSE(apply_update(document.finish(), diff(d.open("u").add("x", true).finish())));
}

// --- two updates joined in one

/// Random documents and updates over few names, so that they meet.
class Random {
 public:
  explicit Random(uint64_t seed) : random_(seed) {}

  Document document() {
    Builder b;
    b.add("_id", int32_t{1});
    fields(b, 3);
    return b.finish();
  }
  /// Two updates of one shape with values of their own.
  std::pair<Document, Document> same_shape() {
    const uint64_t shape = random_();
    return {of_shape(shape, random_()), of_shape(shape, random_())};
  }
  Document update() { return of_shape(random_(), random_()); }

 private:
  uint64_t draw(uint64_t below) { return random_() % below; }
  std::string name() { return std::string(1, static_cast<char>('a' + draw(4))); }

  void fields(Builder& b, int depth) {
    std::string names = "abcd";
    std::shuffle(names.begin(), names.end(), random_);
    names.resize(draw(5));
    for (const char c : names) value(b, std::string(1, c), depth);
  }
  void value(Builder& b, const std::string& field, int depth) {
    switch (depth > 0 ? draw(4) : 0) {
      case 0:
      case 1:
        b.add(field, static_cast<int32_t>(draw(100)));
        return;
      case 2:
        b.open(field);
        fields(b, depth - 1);
        b.end();
        return;
      default:
        b.open_array(field);
        for (uint64_t i = 0, n = draw(4); i < n; ++i) value(b, std::to_string(i), depth - 1);
        b.end();
    }
  }

  Document of_shape(uint64_t shape, uint64_t values) {
    random_.seed(shape);
    values_.seed(values);
    Builder b;
    if (draw(2) == 0) {
      b.add("$v", int32_t{2}).open("diff");
      document_diff(b, 3);
    } else {
      b.add("$v", int32_t{1}).open("$set");
      modifiers(b);
    }
    auto made = b.finish();
    random_.seed(values ^ shape);
    return made;
  }
  void modifiers(Builder& b) {
    std::string tops = "abcd";
    std::shuffle(tops.begin(), tops.end(), random_);
    const uint64_t sets = 1 + draw(2);
    for (uint64_t i = 0; i < 4; ++i) {
      if (i == sets) b.end().open("$unset");
      std::string path(1, tops[i]);
      for (uint64_t more = draw(3); more > 0; --more)
        path += draw(2) == 0 ? "." + name() : "." + std::to_string(draw(5));
      b.add(path, static_cast<int32_t>(values_() % 100));
      if (i >= sets && draw(2) == 0) return;
    }
  }
  void document_diff(Builder& b, int depth) {
    std::string names = "abcd";
    std::shuffle(names.begin(), names.end(), random_);
    size_t next = 0;
    for (const char* section : {"d", "u", "i"}) {
      if (draw(2) == 0 || next == names.size()) continue;
      b.open(section);
      for (uint64_t n = 1 + draw(2); n > 0 && next < names.size(); --n) {
        b.add(std::string(1, names[next++]), static_cast<int32_t>(values_() % 100));
      }
      b.end();
    }
    if (next == 0) b.open("u").add(std::string(1, names[next++]), static_cast<int32_t>(values_() % 100)).end();
    for (; depth > 0 && next < names.size() && draw(2) == 0; ++next) {
      b.open(std::string("s") + names[next]);
      draw(2) == 0 ? document_diff(b, depth - 1) : array_diff(b, depth - 1);
      b.end();
    }
  }
  void array_diff(Builder& b, int depth) {
    b.add("a", true);
    if (draw(2) == 0) b.add("l", static_cast<int32_t>(values_() % 4));
    for (uint64_t i = draw(2); i < 6; i += 1 + draw(3)) {
      if (depth > 0 && draw(3) == 0) {
        b.open("s" + std::to_string(i));
        draw(2) == 0 ? document_diff(b, depth - 1) : array_diff(b, depth - 1);
        b.end();
      } else {
        b.add("u" + std::to_string(i), static_cast<int32_t>(values_() % 100));
      }
    }
  }

  std::mt19937_64 random_, values_;
};

std::string joined(const Document& earlier, const Document& later) {
  const auto both = compose(earlier, later);
  return both ? to_json(*both, JsonMode::kRelaxed) : "none";
}

TEST(Compose, OneUpdateDoesWhatBothDo) {
  Random random(7);
  int done = 0;
  for (int i = 0; i < 60'000; ++i) {
    const Document document = random.document();
    const auto [earlier, later] = i % 2 == 0 ? random.same_shape() : std::pair(random.update(), random.update());
    const auto both = compose(earlier, later);
    if (!both) continue;
    ++done;
    const auto first = apply_update(document, earlier);
    ASSERT_TRUE(first) << first.error().message();
    ASSERT_EQ(text(apply_update(*first, later)), updated(document, *both))
        << to_json(document, JsonMode::kRelaxed) << "\n"
        << to_json(earlier, JsonMode::kRelaxed) << "\n"
        << to_json(later, JsonMode::kRelaxed) << "\n"
        << to_json(*both, JsonMode::kRelaxed);
  }
  EXPECT_GT(done, 30'000);
}

TEST(Compose, ACounterStaysOneUpdateAndOthersJoinIt) {
  const auto counter = [](const char* name, int32_t n) { return diff(Builder().open("u").add(name, n).finish()); };
  EXPECT_EQ(joined(counter("n", 1), counter("n", 2)), R"({"$v":2,"diff":{"u":{"n":2}}})");
  EXPECT_EQ(joined(counter("n", 1), counter("m", 2)), R"({"$v":2,"diff":{"u":{"n":1,"m":2}}})");
  EXPECT_EQ(joined(set({{"n", 1}, {"a.b", 2}}), set({{"n", 3}, {"a.c", 4}})),
            R"({"$v":1,"$set":{"n":3,"a.b":2,"a.c":4}})");
}

TEST(Compose, PushesJoin) {
  const auto push = [](int32_t index) {
    return diff(Builder().open("sl").add("a", true).add("u" + std::to_string(index), index).finish());
  };
  EXPECT_EQ(joined(push(7), push(8)), R"({"$v":2,"diff":{"sl":{"a":true,"u7":7,"u8":8}}})");
  const auto truncate = [](int32_t l) { return diff(Builder().open("sl").add("a", true).add("l", l).finish()); };
  EXPECT_EQ(joined(push(7), truncate(3)), R"({"$v":2,"diff":{"sl":{"a":true,"l":3}}})");
  EXPECT_EQ(joined(truncate(3), push(3)), "none");  // what was cut off must not show again
  EXPECT_EQ(joined(truncate(3), truncate(4)), "none");
}

TEST(Compose, ADiffGoesIntoAValueThatIsKnown) {
  const Document value = Builder().add("x", int32_t{1}).finish();
  const Document inserted = diff(Builder().open("i").add("f", value).finish());
  const Document inside = diff(Builder().open("sf").open("u").add("x", int32_t{2}).finish());
  const Document gone = diff(Builder().open("d").add("f", false).finish());
  EXPECT_EQ(joined(inserted, inside), R"({"$v":2,"diff":{"i":{"f":{"x":2}}}})");
  EXPECT_EQ(joined(inserted, gone), R"({"$v":2,"diff":{"d":{"f":false}}})");
  EXPECT_EQ(joined(gone, inserted), R"({"$v":2,"diff":{"i":{"f":{"x":1}}}})");
}

TEST(Compose, DoubtsWhatIsNotEasy) {
  const Document counter = diff(Builder().open("u").add("n", int32_t{1}).finish());
  EXPECT_EQ(joined(counter, set({{"n", 1}})), "none");
  EXPECT_EQ(joined(counter, sample()), "none");
  EXPECT_EQ(joined(set({{"a", 1}}), set({{"a.b", 1}})), "none");
  EXPECT_EQ(joined(unset({"a"}), set({{"a", 1}})), "none");
  EXPECT_EQ(joined(diff(Builder().open("i").add("a", true).finish()), counter), "none");  // n may not be there
}

}  // namespace
}  // namespace varve::bson
