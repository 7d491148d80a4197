// Writing to the server that VARVE_TEST_MONGODB names; skipped without one.

#include "mongo/target.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <gtest/gtest.h>

#include "mongo/batch.h"
#include "mongo/testing/server.h"

namespace varve::mongo {
namespace {

using testing::from_json;
using testing::kDb;
using testing::text;

class Target : public testing::Server {};

TEST_F(Target, KeepsEveryByte) {
  run(kDb, R"({"create": "c"})");
  std::vector<bson::Document> documents;
  documents.push_back(
      from_json(R"({"_id": 1, "t": {"$timestamp": {"t": 0, "i": 0}}, "n": {"t": {"$timestamp": {"t": 0, "i": 0}}}})"));
  documents.push_back(from_json(R"({"_id": {"$oid": "5f0000000000000000000000"}, "a": 1, "a": 2, "": 3, "b.c": 5})"));
  if (connection_->wire_version() >= 13) documents.push_back(from_json(R"({"_id": 9, "$x": 4})"));
  documents.push_back(
      from_json(R"({"_id": {"a": 1}, "t": {"$timestamp": {"t": 0, "i": 0}}, "u": {"$undefined": true}})"));
  bson::Builder odd;
  odd.add("_id", int32_t{2}).add("invalid", std::string_view("\xff\xfe\0x", 4));
  double nan = 0;
  const uint64_t payload = 0x7ff8dead'beef0001;
  std::memcpy(&nan, &payload, sizeof nan);
  odd.add("nan", nan).add("minus", -0.0);
  documents.push_back(odd.finish());
  for (const int32_t id : {100, 101}) {
    bson::Builder large;
    large.add("_id", id);
    large.add("pad", std::string((16u << 20) - 30, 'x'));
    if (id == 101)
      large = bson::Builder(),
      large.add("_id", id).add("t", bson::Timestamp{}).add("pad", std::string((16u << 20) - 60, 'x'));
    documents.push_back(large.finish());
  }
  Inserter inserter(*connection_, {kDb, "c"}, {});
  for (const auto& document : documents) {
    const auto status = inserter.add(document.bytes(), never_);
    ASSERT_TRUE(status) << status.error().message();
  }
  const auto status = inserter.flush(never_);
  ASSERT_TRUE(status) << status.error().message();
  const auto read = read_all(by_uuid("c"));
  ASSERT_TRUE(read) << read.error().message();
  ASSERT_EQ(read->size(), documents.size());
  for (const auto& document : documents) {
    bool found = false;
    for (const auto& one : *read) found = found || std::ranges::equal(one.bytes(), document.bytes());
    EXPECT_TRUE(found) << (document.bytes().size() < 1000 ? text(document) : "a large one");
  }
}

TEST_F(Target, NamesTheRefusedDocument) {
  fill("c", 3);
  Inserter inserter(*connection_, {kDb, "c"}, {});
  ASSERT_TRUE(inserter.add(from_json(R"({"_id": 7})").bytes(), never_));
  ASSERT_TRUE(inserter.add(from_json(R"({"_id": 2})").bytes(), never_));
  const auto status = inserter.flush(never_);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), 11000);
  const auto& words = status.error().message();
  EXPECT_TRUE(words.starts_with("varve_test.c: the document with _id 2: " + connection_->host() + ": E11000")) << words;
}

TEST_F(Target, CreatesWhatWasListed) {
  std::vector<std::pair<std::string, std::string>> wanted = {
      {"capped", R"({"capped": true, "size": 100096, "max": 10, "autoIndexId": true})"},
      {"valid", R"({"validator": {"a": {"$type": "int"}}, "validationLevel": "moderate", "validationAction": "warn"})"},
      {"french", R"({"collation": {"locale": "fr", "strength": 2}})"},
      {"view", R"({"viewOn": "valid", "pipeline": [{"$match": {"a": 1}}], "collation": {"locale": "fr"}})"}};
  const auto wire = connection_->wire_version();
  if (wire >= 13)
    wanted.push_back({"series", R"({"timeseries": {"timeField": "t", "metaField": "m", "granularity": "minutes"}})"});
  if (wire >= 17) {
    wanted.push_back(
        {"clustered",
         R"({"clusteredIndex": {"key": {"_id": 1}, "unique": true, "name": "x"}, "changeStreamPreAndPostImages": {"enabled": true}})"});
    wanted.push_back(
        {"converted", R"({"clusteredIndex": {"key": {"_id": 1}, "unique": true}, "capped": true, "size": 8192})"});
  }
  for (const auto& [name, options] : wanted) {
    const auto status = create_collection(*connection_, {kDb, name}, from_json(options), {}, never_);
    EXPECT_TRUE(status) << name << status.error().message();
  }
  const auto old = create_collection(*connection_, {kDb, "old"}, {},
                                     from_json(R"({"v": 1, "key": {"_id": 1}, "name": "_id_", "ns": "a.b"})"), never_);
  EXPECT_TRUE(old) << old.error().message();
  const auto first = list_catalog(*connection_, never_);
  for (const auto& info : first->collections) {
    if (info.ns.db != kDb || info.ns.collection.starts_with("system.")) continue;
    const bson::Namespace copy{"varve_test2", info.ns.collection};
    const auto status = create_collection(*connection_, copy, info.options, info.id_index, never_);
    EXPECT_TRUE(status) << info.ns.text() << status.error().message();
  }
  const auto second = list_catalog(*connection_, never_);
  size_t compared = 0;
  for (const auto& a : first->collections) {
    for (const auto& b : second->collections) {
      if (a.ns.db != kDb || b.ns.db != "varve_test2" || a.ns.collection != b.ns.collection) continue;
      if (a.ns.collection.starts_with("system.")) continue;
      EXPECT_EQ(text(a.options), text(b.options)) << a.ns.text();
      EXPECT_EQ(a.id_index.view().int64("v"), b.id_index.view().int64("v")) << a.ns.text();
      EXPECT_EQ(a.type, b.type);
      ++compared;
    }
  }
  EXPECT_EQ(compared, wanted.size() + 1);
  const auto again = create_collection(*connection_, {kDb, "valid"}, {}, {}, never_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind(), ErrorKind::kExists);
}

TEST_F(Target, LoadsTimeSeriesByTheirBuckets) {
  if (connection_->wire_version() < 13) GTEST_SKIP() << "no time-series";
  run(kDb, R"({"create": "series", "timeseries": {"timeField": "t", "metaField": "m"}})");
  run(kDb,
      R"({"insert": "series", "documents": [{"t": {"$date": "2026-01-01T00:00:00Z"}, "m": 1, "v": 2}, {"t": {"$date": "2026-01-01T00:00:01Z"}, "m": 1, "v": 3}]})");
  const auto buckets = read_all(by_uuid("system.buckets.series"));
  ASSERT_TRUE(buckets) << buckets.error().message();
  ASSERT_EQ(buckets->size(), 1u);
  const auto catalog = list_catalog(*connection_, never_);
  for (const auto& info : catalog->collections) {
    if (info.ns == bson::Namespace{kDb, "series"}) {
      ASSERT_TRUE(create_collection(*connection_, {kDb, "copy"}, info.options, info.id_index, never_));
      const auto failed = create_indexes(*connection_, {kDb, "copy"}, info.indexes, false, never_);
      EXPECT_TRUE(failed && failed->empty());
    }
  }
  Inserter inserter(*connection_, {kDb, "system.buckets.copy"}, {});
  ASSERT_TRUE(inserter.add((*buckets)[0].bytes(), never_));
  const auto status = inserter.flush(never_);
  ASSERT_TRUE(status) << status.error().message();
  const auto found = run(kDb, R"({"find": "copy", "sort": {"v": 1}})");
  EXPECT_EQ(found.view().int64("cursor.firstBatch.1.v"), 3);
}

TEST_F(Target, BuildsGoodIndexesBesideABadOne) {
  run(kDb, R"({"create": "c", "collation": {"locale": "fr"}})");
  run(kDb, R"({"insert": "c", "documents": [{"_id": 1, "a": 1, "g": {"type": "Nonsense"}}, {"_id": 2, "a": 1}]})");
  const std::vector<bson::Document> indexes = {
      from_json(R"({"v": 2, "key": {"_id": 1}, "name": "_id_"})"),
      from_json(R"({"v": 2, "key": {"b": 1}, "name": "b_1", "background": true, "ns": "x.y"})"),
      from_json(R"({"v": 2, "key": {"a": 1}, "name": "a_1", "unique": true})"),
      from_json(R"({"v": 2, "key": {"g": "2dsphere"}, "name": "g", "2dsphereIndexVersion": 3})"),
      from_json(
          R"({"v": 2, "key": {"_fts": "text", "_ftsx": 1}, "name": "t", "weights": {"x": 2}, "default_language": "french", "language_override": "language", "textIndexVersion": 3})"),
      from_json(R"({"v": 2, "key": {"h": "hashed"}, "name": "h", "collation": {"locale": "simple"}})")};
  const auto failed = create_indexes(*connection_, {kDb, "c"}, indexes, true, never_);
  ASSERT_TRUE(failed) << failed.error().message();
  std::set<std::string> names;
  for (const auto& one : *failed) names.insert(one.name);
  EXPECT_EQ(names, (std::set<std::string>{"a_1", "g"}));
  const auto listed = all_results(*connection_, kDb, from_json(R"({"listIndexes": "c"})"), never_);
  ASSERT_TRUE(listed) << listed.error().message();
  names.clear();
  for (const auto& index : listed->documents) {
    names.emplace(index.view().string("name").value_or(""));
    EXPECT_EQ(index.view().find("collation").has_value(), index.view().string("name") == "_id_");
  }
  EXPECT_EQ(names, (std::set<std::string>{"_id_", "b_1", "t", "h"}));
}

TEST_F(Target, MergesUsersAndLeavesExistingOnes) {
  const auto target = inspect_target(*connection_, never_);
  ASSERT_TRUE(target) << target.error().message();
  for (const char* drop : {R"({"dropUser": "kept"})", R"({"dropUser": "added"})", R"({"dropRole": "reader"})"}) {
    (void)connection_->command(kDb, from_json(drop), never_);
  }
  run(kDb,
      R"({"createRole": "reader", "privileges": [{"resource": {"db": "varve_test", "collection": ""}, "actions": ["find"]}], "roles": []})");
  run(kDb, R"({"createUser": "kept", "pwd": "a", "roles": []})");
  run(kDb, R"({"createUser": "added", "pwd": "b", "roles": ["reader"]})");
  const auto users = all_results(*connection_, "admin",
                                 from_json(R"({"find": "system.users", "filter": {"db": "varve_test"}})"), never_);
  const auto roles = all_results(*connection_, "admin",
                                 from_json(R"({"find": "system.roles", "filter": {"db": "varve_test"}})"), never_);
  run(kDb, R"({"dropUser": "added"})");
  run(kDb, R"({"dropRole": "reader"})");
  run(kDb, R"({"updateUser": "kept", "customData": {"changed": true}})");
  const auto planned = plan_users_and_roles(*connection_, *target, users->documents, roles->documents, false, never_);
  ASSERT_TRUE(planned) << planned.error().message();
  const auto merged = merge_users_and_roles(*connection_, *target, users->documents, roles->documents, false, never_);
  ASSERT_TRUE(merged) << merged.error().message();
  EXPECT_EQ(merged->users_added, std::vector<std::string>{"varve_test.added"});
  EXPECT_EQ(merged->users_kept, std::vector<std::string>{"varve_test.kept"});
  EXPECT_EQ(merged->roles_added, std::vector<std::string>{"varve_test.reader"});
  EXPECT_EQ(merged->users_added, planned->users_added);
  const auto now =
      all_results(*connection_, "admin",
                  from_json(R"({"find": "system.users", "filter": {"db": "varve_test"}, "sort": {"_id": 1}})"), never_);
  ASSERT_EQ(now->documents.size(), 2u);
  EXPECT_TRUE(now->documents[1].view().truthy("customData.changed"));
  const auto left = run("admin", R"({"listCollections": 1, "filter": {"name": {"$regex": "^varve"}}})");
  EXPECT_FALSE(left.view().find("cursor.firstBatch.0"));
  const auto last = barrier(*connection_, *target, never_);
  EXPECT_TRUE(last) << last.error().message();
  for (const char* drop : {R"({"dropUser": "kept"})", R"({"dropUser": "added"})", R"({"dropRole": "reader"})"})
    run(kDb, drop);
}

}  // namespace
}  // namespace varve::mongo
