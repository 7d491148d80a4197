#include "job/version_rules.h"

#include <gtest/gtest.h>

#include "bson/from_json.h"
#include "bson/json.h"

namespace varve::job {
namespace {

using bson::Builder;

const Versions kTo42{{6, 0, 5}, {4, 2, 6}, "4.2.6"}, kTo50{{6, 0, 5}, {5, 0, 4}, "5.0.4"},
    kSame{{6, 0, 5}, {6, 0, 5}, "6.0.5"}, kUp{{4, 2, 6}, {6, 0, 5}, "6.0.5"};

collection::CollectionEntry entry_with(std::vector<bson::Document> indexes, const char* type = "collection") {
  collection::CollectionEntry entry;
  entry.ns = {"shop", "a"};
  entry.type = type;
  entry.indexes = std::move(indexes);
  return entry;
}

/// {name: "i", key: {a: 1}, OPTION: value}
template <typename T>
bson::Document index_with(const char* option, T value) {
  Builder out;
  out.add("v", int32_t{2}).open("key").add("a", int32_t{1}).end().add("name", "i");
  return out.add(option, value).finish();
}

template <typename T>
bson::Document index_on(const char* field, T value, int32_t version = 2) {
  Builder out;
  out.add("v", version).open("key").add(field, value).end();
  return out.add("name", "i").finish();
}

std::string json(const bson::Document& document) {
  return bson::to_json(document.view(), bson::JsonMode::kRelaxed);
}

Translated of_index(const bson::Document& index, const Versions& versions) {
  return translate(entry_with({index}), bson::View(bson::Document().bytes()), "shop.a", versions);
}

Translated of_options(const bson::Document& options, const Versions& versions, const char* type = "collection") {
  return translate(entry_with({}, type), options, "shop.a", versions);
}

TEST(VersionRules, WhatSuitsStaysToTheByte) {
  const auto index = index_with("hidden", true);
  const auto done = of_index(index, kSame);
  ASSERT_EQ(done.indexes.size(), 1u);
  EXPECT_EQ(json(done.indexes[0]), json(index));
  EXPECT_TRUE(done.refused.empty() && done.changed.empty() && done.taken);
}

TEST(VersionRules, AnIndexOptionOfANewerServerIsRefusedUnlessItIsOff) {
  for (const auto& [option, versions] : {std::pair{"hidden", kTo42}, std::pair{"prepareUnique", kTo50}}) {
    const auto on = of_index(index_with(option, true), versions);
    ASSERT_EQ(on.refused.size(), 1u) << option;
    EXPECT_NE(on.refused[0].find(option), std::string::npos);
    EXPECT_NE(on.refused[0].find("shop.a"), std::string::npos);
    EXPECT_NE(on.refused[0].find(versions.to_text), std::string::npos);
    EXPECT_TRUE(on.indexes.empty() && on.taken);
    const auto off = of_index(index_with(option, false), versions);
    EXPECT_TRUE(off.refused.empty());
    EXPECT_FALSE(off.indexes.at(0).view().find(option));
  }
}

TEST(VersionRules, AnIndexOfAnUnknownKindIsRefused) {
  EXPECT_EQ(of_index(index_on("p", "geoHaystack"), kUp).refused.size(), 1u);
  EXPECT_EQ(of_index(index_on("p", "geoHaystack"), kTo42).refused.size(), 0u);
  EXPECT_EQ(of_index(index_on("$**", "columnstore"), kSame).refused.size(), 1u);
  EXPECT_EQ(of_index(index_with("2dsphereIndexVersion", int32_t{4}), kSame).refused.size(), 1u);
  EXPECT_EQ(of_index(index_with("textIndexVersion", int32_t{2}), kTo42).refused.size(), 0u);
  Builder two;
  two.open("key").add("a", int32_t{1}).add("b", "hashed").end().add("name", "i");
  const auto hashed = two.finish();
  EXPECT_EQ(of_index(hashed, kTo42).refused.size(), 1u);
  EXPECT_EQ(of_index(hashed, kTo50).refused.size(), 0u);
  two.open("key").add("a", int32_t{1}).add("b.$**", int32_t{1}).end().add("name", "i");
  EXPECT_EQ(of_index(two.finish(), kSame).refused.size(), 1u);
}

TEST(VersionRules, OldKeysMeanAscending) {
  for (const auto& index :
       {index_on("a", true, 1), index_on("a", int32_t{0}, 1), index_on("a", "", 1), index_on("a", 0.0, 1)}) {
    const auto done = of_index(index, kUp);
    ASSERT_EQ(done.indexes.size(), 1u);
    EXPECT_EQ(done.indexes[0].view().int64("key.a"), 1);
    EXPECT_EQ(done.indexes[0].view().int64("v"), 1);
    EXPECT_EQ(done.changed.size(), 1u);
  }
  EXPECT_EQ(of_index(index_on("a", -2.5, 1), kUp).indexes.at(0).view().find("key.a")->as_double(), -2.5);
  EXPECT_FALSE(of_index(index_on("a", int32_t{1}, 0), kUp).indexes.at(0).view().find("v"));
}

TEST(VersionRules, OldWordsWithoutMeaningGo) {
  const auto junk = of_index(index_with("junk", int32_t{1}), kUp);
  EXPECT_FALSE(junk.indexes.at(0).view().find("junk"));
  EXPECT_EQ(junk.changed.size(), 1u);
  EXPECT_EQ(of_index(index_with("sparse", "yes"), kUp).indexes.at(0).view().find("sparse")->as_bool(), true);
  Builder nameless;
  nameless.open("key").add("a.b", int32_t{1}).add("c", int32_t{-1}).add("t", "text").end().add("name", "");
  EXPECT_EQ(of_index(nameless.finish(), kUp).indexes.at(0).view().string("name"), "a.b_1_c_-1_t_text");
  const Versions from_the_future{{9, 0, 0}, {6, 0, 5}, "6.0.5"};
  EXPECT_EQ(of_index(index_with("junk", int32_t{1}), from_the_future).refused.size(), 1u);
}

bson::Document partial(const std::string& filter) {
  return index_with("partialFilterExpression", bson::from_json(filter)->view());
}

std::string filter_of(const Translated& done) {
  return done.indexes.empty()
             ? "refused"
             : bson::to_json(*done.indexes[0].view().find("partialFilterExpression"), bson::JsonMode::kRelaxed);
}

// Before 6.0 a partial index takes comparisons, joined by one $and at the top.
TEST(VersionRules, APartialFilterThatSuitsAllStaysAsItIs) {
  for (const auto* filter :
       {R"({})", R"({"a":1,"b":{"$gt":1,"$lt":9},"c":{"$exists":true}})", R"({"$and":[{"a":1},{"b":{"$gte":1}}]})",
        R"({"a":{"$type":["int","string"]}})", R"({"a":{"b":1}})", R"({"a":{"$eq":[1,2]},"$comment":"x"})",
        R"({"$and":[{"a":{"$lte":1}}]})"}) {
    const auto done = of_index(partial(filter), kTo42);
    EXPECT_EQ(filter_of(done), filter);
    EXPECT_TRUE(done.changed.empty() && done.refused.empty()) << filter;
  }
}

TEST(VersionRules, APartialFilterIsTranslatedWhereItPicksTheSameDocuments) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"$and":[{"a":1},{"$and":[{"b":1},{"$and":[{"c":1}]}]}]})", R"({"$and":[{"a":1},{"b":1},{"c":1}]})"},
      {R"({"$and":[{"a":{"$gt":1,"$lt":9}},{"b":1}]})", R"({"$and":[{"a":{"$gt":1}},{"a":{"$lt":9}},{"b":1}]})"},
      {R"({"z":1,"$and":[{"a":1}]})", R"({"$and":[{"z":1},{"a":1}]})"},
      {R"({"a":{"$in":[5]}})", R"({"a":{"$eq":5}})"},
      {R"({"$or":[{"a":1,"b":2}]})", R"({"$and":[{"a":1},{"b":2}]})"},
      {R"({"a":{"$all":[1,[2]]},"b":1})", R"({"$and":[{"a":{"$eq":1}},{"a":{"$eq":[2]}},{"b":1}]})"},
  };
  for (const auto& [filter, plain] : cases) {
    const auto done = of_index(partial(filter), kTo50);
    EXPECT_EQ(filter_of(done), plain);
    EXPECT_EQ(done.changed.size(), 1u);
    EXPECT_EQ(filter_of(of_index(partial(filter), kSame)), filter);
  }
}

TEST(VersionRules, APartialFilterThatOnlyNewServersTakeIsRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"$or":[{"a":1},{"b":2}]})", "$or"},
      {R"({"$and":[{"x":1},{"$or":[{"a":1},{"b":2}]}]})", "$or"},
      {R"({"a":{"$in":[1,2]}})", "$in"},
      {R"({"a":{"$in":[]}})", "$in"},
      {R"({"a":{"$in":[{"$regularExpression":{"pattern":"x","options":""}}]}})", "$in"},
      {R"({"g":{"$geoWithin":{"$box":[[0,0],[1,1]]}}})", "$geoWithin"},
      {R"({"g":{"$geoIntersects":{"$geometry":{"type":"Point","coordinates":[0,0]}}}})", "$geoIntersects"},
  };
  for (const auto& [filter, named] : cases) {
    const auto done = of_index(partial(filter), kTo50);
    ASSERT_EQ(done.refused.size(), 1u) << filter;
    EXPECT_NE(done.refused[0].find(std::string(named) + " in its partialFilterExpression"), std::string::npos);
    EXPECT_TRUE(done.indexes.empty() && done.taken);
    EXPECT_EQ(filter_of(of_index(partial(filter), kSame)), filter);
  }
}

TEST(VersionRules, APartialFilterThatIsNestedTooDeeplyIsRefused) {
  Builder deep;
  for (int i = 0; i < 100'000; ++i) deep.open_array("$and").open("0");
  const auto done = of_index(index_with("partialFilterExpression", deep.finish().view()), kTo50);
  ASSERT_EQ(done.refused.size(), 1u);
  EXPECT_NE(done.refused[0].find("$and in its partialFilterExpression"), std::string::npos);
}

TEST(VersionRules, KindsOfCollections) {
  Builder build;
  build.open("timeseries").add("timeField", "t").end();
  const auto series = build.finish();
  EXPECT_FALSE(of_options(series, kTo42, "timeseries").taken);
  EXPECT_FALSE(of_options(series, kTo50, "timeseries").taken);  // its buckets may be compressed
  EXPECT_FALSE(of_options(series, Versions{{}, {5, 0, 4}, "5.0.4"}, "timeseries").taken);
  EXPECT_TRUE(of_options(series, Versions{{}, {6, 0, 5}, "6.0.5"}, "timeseries").taken);
  EXPECT_TRUE(of_options(series, kSame, "timeseries").taken);
  EXPECT_TRUE(of_options(series, Versions{{5, 0, 4}, {6, 0, 5}, "6.0.5"}, "timeseries").taken);
  build.open("timeseries").add("timeField", "t").add("bucketRoundingSeconds", int32_t{60}).end();
  EXPECT_FALSE(of_options(build.finish(), kSame, "timeseries").taken);

  build.open("clusteredIndex").open("key").add("_id", int32_t{1}).end().end().add("expireAfterSeconds", int32_t{9});
  const auto clustered = of_options(build.finish(), kTo50);
  EXPECT_TRUE(clustered.taken && clustered.options.view().empty());
  EXPECT_EQ(clustered.refused.size(), 1u);

  build.open("encryptedFields").end();
  EXPECT_EQ(of_options(build.finish(), kTo50).refused.size(), 1u);
}

TEST(VersionRules, AnUnknownOptionOfACollectionIsNamedAndNotSent) {
  const auto with = [](const char* option) {
    Builder build;
    return build.add(option, int32_t{7}).add("capped", true).add("size", int32_t{4096}).finish();
  };
  const Versions from_the_future{{9, 0, 0}, {6, 0, 5}, "6.0.5"}, untold{{}, {6, 0, 5}, "6.0.5"},
      ancient{{2, 6, 12}, {6, 0, 5}, "6.0.5"};
  for (const auto& versions : {from_the_future, untold}) {
    const auto done = of_options(with("sorted"), versions);
    ASSERT_EQ(done.refused.size(), 1u);
    EXPECT_EQ(done.refused[0], "shop.a: it has the option sorted, which MongoDB 6.0.5 cannot take");
    EXPECT_TRUE(done.taken && !done.options.view().find("sorted") && done.options.view().truthy("capped"));
  }
  const auto junk = of_options(with("sorted"), ancient);
  EXPECT_TRUE(junk.refused.empty() && junk.changed.size() == 1 && !junk.options.view().find("sorted"));
  EXPECT_TRUE(of_options(with("sorted"), kSame).options.view().find("sorted"));
  for (const char* known : {"max", "flags", "autoIndexId", "recordIdsReplicated", "temp", "storageEngine"}) {
    EXPECT_TRUE(of_options(with(known), from_the_future).refused.empty()) << known;
    EXPECT_TRUE(of_options(with(known), untold).refused.empty()) << known;
  }
}

TEST(VersionRules, PreImagesHaveTwoNames) {
  Builder build;
  const auto old_way = build.add("recordPreImages", true).finish();
  EXPECT_TRUE(of_options(old_way, kSame).options.view().truthy("changeStreamPreAndPostImages.enabled"));
  EXPECT_TRUE(of_options(old_way, kTo50).options.view().truthy("recordPreImages"));
  EXPECT_EQ(of_options(old_way, kTo42).refused.size(), 1u);
  build.open("changeStreamPreAndPostImages").add("enabled", true).end();
  const auto new_way = of_options(build.finish(), kTo50);
  EXPECT_TRUE(new_way.options.view().empty() && new_way.refused.size() == 1);
  build.open("changeStreamPreAndPostImages").add("enabled", false).end();
  const auto off = of_options(build.finish(), kTo50);
  EXPECT_TRUE(off.options.view().empty() && off.refused.empty());
}

TEST(VersionRules, Numbers) {
  EXPECT_EQ(version_numbers("6.0.5"), (std::vector{6, 0, 5}));
  EXPECT_EQ(version_numbers("4.2"), (std::vector{4, 2}));
  EXPECT_EQ(version_numbers("7.0.0-rc1"), (std::vector{7, 0}));
  EXPECT_TRUE(version_numbers("").empty());
}

TEST(VersionRules, AServerIsNamedAsItIs) {
  EXPECT_EQ(server_name("6.0.5"), "MongoDB 6.0.5");
  EXPECT_EQ(server_name("FerretDB v1.24.2"), "FerretDB v1.24.2");
  EXPECT_EQ(server_name(""), "MongoDB of an unknown version");
}

}  // namespace
}  // namespace varve::job
