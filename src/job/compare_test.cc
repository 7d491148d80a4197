#include <algorithm>

#include <gtest/gtest.h>

#include "bson/from_json.h"
#include "job/compare_catalog.h"
#include "job/compare_documents.h"

namespace varve::job {
namespace {

using bson::Builder;
using bson::Document;

std::vector<Document> numbered(int32_t count) {
  std::vector<Document> documents;
  for (int32_t i = 0; i < count; ++i) documents.push_back(Builder().add("_id", i).add("x", i * 2).finish());
  return documents;
}

DocumentSource source(const std::vector<Document>& documents) {
  return [&documents](const auto& visit, const Cancel&) -> Status {
    for (const auto& document : documents) TRY(visit(document.bytes()));
    return {};
  };
}

Difference compare(const std::vector<Document>& backup, const std::vector<Document>& server, size_t named = 20) {
  Difference difference;
  EXPECT_TRUE(compare_documents(source(backup), source(server), named, difference, Cancel()));
  return difference;
}

TEST(CompareDocuments, FindsTheOneChangedMissingAndExtraAmongMany) {
  const auto backup = numbered(20000);
  auto server = backup;
  server[777] = Builder().add("_id", int32_t{777}).add("x", int32_t{-1}).finish();
  server.erase(server.begin() + 12345);
  server.push_back(Builder().add("_id", "new").finish());
  std::ranges::reverse(server);
  const auto difference = compare(backup, server);
  EXPECT_EQ(difference.changed, std::vector<std::string>{"777"});
  EXPECT_EQ(difference.missing, std::vector<std::string>{"12345"});
  EXPECT_EQ(difference.extra, std::vector<std::string>{"\"new\""});
  EXPECT_EQ(difference.changed_count + difference.missing_count + difference.extra_count, 3u);
}

// A server holds 5 and 5.0 to be one `_id`: it takes only one of them.
TEST(CompareDocuments, NumbersOfAnotherTypeAreTheSameId) {
  const std::vector<Document> backup{Builder().add("_id", int32_t{5}).finish(), Builder().add("_id", 0.5).finish(),
                                     Builder().open("_id").add("k", int64_t{1}).end().add("x", 1.5).finish()};
  const std::vector<Document> server{Builder().add("_id", 5.0).finish(), Builder().add("_id", 0.5).finish(),
                                     Builder().open("_id").add("k", 1.0).end().add("x", 1.5).finish()};
  const auto difference = compare(backup, server);
  EXPECT_EQ(difference.missing_count + difference.extra_count, 0u);
  EXPECT_EQ(difference.changed_count, 2u);
  EXPECT_EQ(compare(backup, {}).missing_count, 3u);
  EXPECT_EQ(compare({Builder().add("_id", int64_t{7}).finish()}, {}).missing, std::vector<std::string>{"7"});
}

TEST(CompareDocuments, CountsWhatItDoesNotName) {
  const auto difference = compare(numbered(1000), {}, 5);
  EXPECT_EQ(difference.missing.size(), 5u);
  EXPECT_EQ(difference.missing_count, 1000u);
}

TEST(CompareDocuments, AgreesWhateverTheOrder) {
  auto server = numbered(100);
  std::ranges::reverse(server);
  const auto difference = compare(numbered(100), server);
  EXPECT_EQ(difference.missing_count + difference.extra_count + difference.changed_count, 0u);
}

TEST(CompareDocuments, TellsAnotherOrder) {
  auto server = numbered(100);
  const auto order = [](const std::vector<Document>& documents) { return *order_of(source(documents), Cancel()); };
  EXPECT_TRUE(order(numbered(100)) == order(server));
  std::swap(server[3], server[4]);
  EXPECT_FALSE(order(numbered(100)) == order(server));
}

Document index(const std::string& name, int32_t direction, bool unique = false) {
  Builder b;
  b.add("v", int32_t{2});
  b.open("key").add("a", direction).end();
  b.add("name", name);
  if (unique) b.add("unique", true);
  return b.finish();
}

TEST(CompareCatalog, NamesEachIndexAndOptionThatDiffers) {
  collection::CollectionEntry backup;
  backup.type = "collection";
  backup.options = Builder().add("capped", true).add("size", int32_t{4096}).finish();
  backup.indexes = {index("same", 1), index("gone", 1), index("changed", 1, true)};
  mongo::CollectionInfo server;
  server.type = "collection";
  server.options = Builder().add("capped", true).add("size", int32_t{8192}).finish();
  server.indexes = {index("same", 1), index("changed", -1, true), index("new", 1)};
  Difference difference;
  std::vector<std::string> remarks;
  compare_catalog(backup, server, difference, remarks);
  EXPECT_TRUE(remarks.empty());
  const auto all = [&] {
    std::string text;
    for (const auto& what : difference.what) text += what + "\n";
    return text;
  }();
  EXPECT_EQ(difference.what.size(), 4u) << all;
  for (const char* part : {"size", "index gone is missing", "index changed: key", "index new is only"}) {
    EXPECT_NE(all.find(part), std::string::npos) << part << " in\n" << all;
  }
}

Document spec(const std::string& json) {
  return std::move(*bson::from_json(json));
}

/// What servers of other versions make of the same index by themselves.
TEST(CompareCatalog, WhatServersOnlySayOtherwiseIsARemark) {
  const std::pair<const char*, const char*> same[] = {
      {R"({"name":"i","key":{"a":1}})", R"({"name":"i","key":{"a":1.0}})"},
      {R"({"name":"i","key":{"a":1},"sparse":1.0})", R"({"name":"i","key":{"a":1},"sparse":true})"},
      {R"({"name":"i","key":{"a":1},"unique":false})", R"({"name":"i","key":{"a":1}})"},
      {R"({"name":"i","key":{"a":1},"expireAfterSeconds":5.0})",
       R"({"name":"i","key":{"a":1},"expireAfterSeconds":5})"},
      {R"({"name":"i","key":{"$**":1},"wildcardProjection":{"a.b":1,"c":1}})",
       R"({"name":"i","key":{"$**":1},"wildcardProjection":{"a":{"b":true},"c":true,"_id":false}})"},
  };
  const std::pair<const char*, const char*> other[] = {
      {R"({"name":"i","key":{"a":1}})", R"({"name":"i","key":{"a":-1.0}})"},
      {R"({"name":"i","key":{"a":1,"b":1}})", R"({"name":"i","key":{"b":1,"a":1}})"},
      {R"({"name":"i","key":{"a":1},"sparse":true})", R"({"name":"i","key":{"a":1}})"},
      {R"({"name":"i","key":{"a":1},"expireAfterSeconds":0})", R"({"name":"i","key":{"a":1}})"},
      {R"({"name":"i","key":{"$**":1},"wildcardProjection":{"a":1}})",
       R"({"name":"i","key":{"$**":1},"wildcardProjection":{"a":0}})"},
  };
  const auto compare_both = [](const auto& pair, std::vector<std::string>& remarks) {
    collection::CollectionEntry backup;
    mongo::CollectionInfo server;
    backup.type = server.type = "collection";
    backup.indexes = {spec(pair.first)};
    server.indexes = {spec(pair.second)};
    Difference difference;
    compare_catalog(backup, server, difference, remarks);
    std::vector<std::string> kept;
    EXPECT_EQ(merge_conflicts(backup, server, true, kept), difference.what);
    return difference.what.size();
  };
  for (const auto& pair : same) {
    std::vector<std::string> remarks;
    EXPECT_EQ(compare_both(pair, remarks), 0u) << pair.first;
    EXPECT_EQ(remarks.size(), 1u) << pair.first;
  }
  for (const auto& pair : other) {
    std::vector<std::string> remarks;
    EXPECT_EQ(compare_both(pair, remarks), 1u) << pair.first;
    EXPECT_TRUE(remarks.empty()) << pair.first;
  }
}

TEST(CompareCatalog, AReplyMayBeNestedAsDeepAsItLikes) {
  Builder deep;
  deep.add("name", "i").open("key").add("$**", int32_t{1}).end().open("wildcardProjection");
  for (int i = 0; i < 100'000; ++i) deep.open("x");
  collection::CollectionEntry backup;
  mongo::CollectionInfo server;
  backup.type = server.type = "collection";
  backup.indexes = {spec(R"({"name":"i","key":{"$**":1},"wildcardProjection":{"x":1}})")};
  server.indexes = {deep.finish()};
  Difference difference;
  std::vector<std::string> remarks;
  compare_catalog(backup, server, difference, remarks);
  EXPECT_EQ(difference.what.size(), 1u);
}

}  // namespace
}  // namespace varve::job
