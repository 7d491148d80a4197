#include <algorithm>

#include <gtest/gtest.h>

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
  compare_catalog(backup, server, difference);
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

}  // namespace
}  // namespace varve::job
