// Runs against the server that VARVE_TEST_MONGODB names (a connection string of somebody who may do everything), in the
// databases varve_test*, which it drops. Without it everything here is skipped.

#include "mongo/server.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "bson/json.h"
#include "mongo/batch.h"
#include "mongo/catalog.h"
#include "mongo/cursor.h"
#include "mongo/errors.h"
#include "mongo/oplog.h"
#include "mongo/target.h"
#include "mongo/testing/json.h"
#include "mongo/topology.h"

namespace varve::mongo {
namespace {

using testing::from_json;

using Clock = std::chrono::steady_clock;

constexpr const char* kDb = "varve_test";

std::string text(bson::View document) {
  return bson::to_json(document, bson::JsonMode::kRelaxed);
}

class Server : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* uri = std::getenv("VARVE_TEST_MONGODB");
    if (uri == nullptr) GTEST_SKIP() << "VARVE_TEST_MONGODB names no server";
    auto parsed = Uri::parse(uri);
    ASSERT_TRUE(parsed) << parsed.error().message();
    uri_ = *parsed;
    connection_ = std::make_unique<Connection>(connect());
    drop_databases();
  }
  void TearDown() override {
    if (connection_) drop_databases();
  }

  void drop_databases() {
    for (const char* db : {"varve_test", "varve_test2"}) run(db, R"({"dropDatabase": 1})");
  }

  Connection connect() {
    auto connection = Connection::open(uri_, never_);
    if (!connection) throw std::runtime_error(connection.error().message());
    return std::move(*connection);
  }

  bson::Document run(const std::string& db, const std::string& command) {
    auto reply = connection_->command(db, from_json(command), never_);
    EXPECT_TRUE(reply) << command << ": " << reply.error().message();
    return reply ? std::move(*reply) : bson::Document();
  }

  void fill(const std::string& collection, int count, size_t padding = 100) {
    Inserter inserter(*connection_, {kDb, collection}, true);
    const std::string pad(padding, 'x');
    for (int i = 0; i < count; ++i) {
      bson::Builder b;
      b.add("_id", int32_t{i}).add("pad", pad);
      const auto status = inserter.add(b.finish().bytes(), never_);
      ASSERT_TRUE(status) << status.error().message();
    }
    const auto status = inserter.flush(never_);
    ASSERT_TRUE(status) << status.error().message();
  }

  Bytes uuid_of(const std::string& collection) {
    const auto catalog = list_catalog(*connection_, never_);
    EXPECT_TRUE(catalog) << catalog.error().message();
    for (const auto& info : catalog->collections) {
      if (info.ns == bson::Namespace{kDb, collection}) return info.uuid;
    }
    ADD_FAILURE() << collection << " is not listed";
    return {};
  }

  ReadSpec by_uuid(const std::string& collection) {
    ReadSpec spec;
    spec.db = kDb;
    spec.collection = collection;
    spec.uuid = uuid_of(collection);
    spec.majority = connection_->in_replica_set();
    if (connection_->in_replica_set()) {
      const auto at = position(*connection_, never_);
      EXPECT_TRUE(wait_for_majority(*connection_, at->applied, std::chrono::seconds(20), never_));
    }
    return spec;
  }

  Result<size_t> count(Cursor& cursor) {
    size_t documents = 0;
    for (bool more = true; more;) {
      TRY_ASSIGN(more, cursor.next(
                           [&](ByteView) -> Status {
                             ++documents;
                             return {};
                           },
                           never_));
    }
    return documents;
  }

  Result<std::vector<bson::Document>> read_all(const ReadSpec& spec) {
    std::vector<bson::Document> documents;
    TRY_ASSIGN(auto cursor, Cursor::open(*connection_, spec, never_));
    for (bool more = true; more;) {
      TRY_ASSIGN(more, cursor.next(
                           [&](ByteView document) -> Status {
                             documents.emplace_back(document);
                             return {};
                           },
                           never_));
    }
    return documents;
  }

  const Cancel never_;
  Uri uri_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(Server, NothingListensThere) {
  const auto began = Clock::now();
  const auto connection = Connection::open(*Uri::parse("mongodb://u:secret@127.0.0.1:1/"), never_);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(connection.error().message(), "cannot reach 127.0.0.1:1: Connection refused");
  EXPECT_EQ(connection.error().message().find("secret"), std::string::npos);
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(3));
}

TEST_F(Server, StopsWithinASecond) {
  fill("c", 1);
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  const auto began = Clock::now();
  const auto reply = connection_->command(
      kDb, from_json(R"({"find": "c", "filter": {"$where": "sleep(8000) || true"}})"), Cancel(stop.get_token()));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind(), ErrorKind::kCancelled) << reply.error().message();
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(2));
  const auto again = connection_->command("admin", from_json(R"({"ping": 1})"), never_);
  EXPECT_TRUE(again) << again.error().message();
}

TEST_F(Server, StopsWhileNobodyAnswers) {
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  const auto began = Clock::now();
  const auto connection = Connection::open(*Uri::parse("mongodb://192.0.2.1/"), Cancel(stop.get_token()));
  ASSERT_FALSE(connection);
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(2));
}

TEST_F(Server, ErrorsKeepTheServersCodeAndWords) {
  const auto reply = connection_->command("admin", from_json(R"({"noSuchCommand": 1})"), never_);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code(), 59);
  EXPECT_EQ(reply.error().message(), connection_->host() + ": no such command: 'noSuchCommand'");
}

TEST_F(Server, ReadsWholeRepliesInBothOrders) {
  fill("c", 60'000, 1000);
  for (const auto order : {ReadOrder::kNatural, ReadOrder::kId}) {
    auto spec = by_uuid("c");
    spec.order = order;
    auto cursor = Cursor::open(*connection_, spec, never_);
    ASSERT_TRUE(cursor) << cursor.error().message();
    const auto documents = count(*cursor);
    ASSERT_TRUE(documents) << documents.error().message();
    EXPECT_EQ(*documents, 60'000u);
  }
  const auto follows = id_follows_natural_order(*connection_, by_uuid("c"), never_);
  ASSERT_TRUE(follows) << follows.error().message();
  EXPECT_TRUE(*follows);
}

TEST_F(Server, FindsARenamedCollectionByItsUuid) {
  fill("c", 60'000, 1000);
  const auto spec = by_uuid("c");
  auto cursor = Cursor::open(*connection_, spec, never_);
  ASSERT_TRUE(cursor) << cursor.error().message();
  size_t documents = 0;
  const auto take = [&](ByteView) -> Status {
    ++documents;
    return {};
  };
  ASSERT_TRUE(cursor->next(take, never_));
  auto other = connect();
  ASSERT_TRUE(rename_over(other, {kDb, "c"}, {kDb, "d"}, never_));
  fill("c", 5);
  for (bool more = true; more;) {
    const auto next = cursor->next(take, never_);
    if (!next) {
      EXPECT_TRUE(Cursor::vanished(next.error())) << next.error().message() << next.error().code();
      break;
    }
    more = *next;
  }
  auto again = Cursor::open(*connection_, spec, never_);
  ASSERT_TRUE(again) << again.error().message();
  const auto under_its_new_name = count(*again);
  ASSERT_TRUE(under_its_new_name) << under_its_new_name.error().message();
  EXPECT_EQ(*under_its_new_name, 60'000u);
}

TEST_F(Server, TellsOfADropUnderTheCursor) {
  fill("c", 60'000, 1000);
  auto spec = by_uuid("c");
  auto cursor = Cursor::open(*connection_, spec, never_);
  ASSERT_TRUE(cursor) << cursor.error().message();
  size_t documents = 0;
  const auto take = [&](ByteView) -> Status {
    ++documents;
    return {};
  };
  ASSERT_TRUE(cursor->next(take, never_));
  auto other = connect();
  ASSERT_TRUE(drop_collection(other, {kDb, "c"}, never_));
  auto next = cursor->next(take, never_);
  while (next && *next) next = cursor->next(take, never_);
  ASSERT_FALSE(next);
  EXPECT_TRUE(Cursor::vanished(next.error())) << next.error().message() << next.error().code();

  const auto again = Cursor::open(*connection_, spec, never_);
  ASSERT_FALSE(again);
  EXPECT_TRUE(Cursor::vanished(again.error())) << again.error().message() << again.error().code();
}

TEST_F(Server, KeepsEveryByte) {
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
  Inserter inserter(*connection_, {kDb, "c"}, false);
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

TEST_F(Server, NamesTheRefusedDocument) {
  fill("c", 3);
  Inserter inserter(*connection_, {kDb, "c"}, false);
  ASSERT_TRUE(inserter.add(from_json(R"({"_id": 7})").bytes(), never_));
  ASSERT_TRUE(inserter.add(from_json(R"({"_id": 2})").bytes(), never_));
  const auto status = inserter.flush(never_);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), 11000);
  const auto& words = status.error().message();
  EXPECT_TRUE(words.starts_with("varve_test.c: the document with _id 2: " + connection_->host() + ": E11000")) << words;
}

TEST_F(Server, ListsEveryKindOfCollection) {
  fill("plain", 10);
  run(kDb,
      R"({"createIndexes": "plain", "indexes": [{"key": {"a": 1}, "name": "a_1", "unique": true, "sparse": true}]})");
  run(kDb, R"({"create": "capped", "capped": true, "size": 100000})");
  run(kDb, R"({"create": "view", "viewOn": "plain", "pipeline": []})");
  run(kDb, R"({"create": "tmp_mine"})");
  const bool modern = connection_->wire_version() >= 13;
  if (modern) run(kDb, R"({"create": "series", "timeseries": {"timeField": "t", "metaField": "m"}})");
  const auto catalog = list_catalog(*connection_, never_);
  ASSERT_TRUE(catalog) << catalog.error().message();
  std::map<std::string, const CollectionInfo*> found;
  for (const auto& info : catalog->collections) {
    if (info.ns.db == kDb) found[info.ns.collection] = &info;
    EXPECT_FALSE(info.ns.db == "config" || info.ns.db == "local" || info.ns.collection == "system.views");
    EXPECT_FALSE(info.temporary) << info.ns.text();
  }
  for (const char* name : {"plain", "capped", "tmp_mine"}) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found[name]->type, "collection");
    EXPECT_EQ(found[name]->uuid.size(), 16u);
    EXPECT_EQ(found[name]->id_index.view().string("name"), "_id_");
  }
  EXPECT_EQ(found["plain"]->documents, 10u);
  EXPECT_GT(found["plain"]->bytes, 1000u);
  ASSERT_EQ(found["plain"]->indexes.size(), 2u);
  EXPECT_TRUE(found["plain"]->indexes[1].view().truthy("sparse"));
  EXPECT_TRUE(found["plain"]->unfinished.empty());
  EXPECT_TRUE(found["capped"]->capped);
  EXPECT_EQ(found["view"]->type, "view");
  EXPECT_EQ(found["view"]->options.view().string("viewOn"), "plain");
  if (modern) {
    EXPECT_EQ(found["series"]->type, "timeseries");
    EXPECT_TRUE(found["series"]->options.view().document("timeseries"));
    EXPECT_EQ(found["system.buckets.series"]->type, "collection");
  }
  EXPECT_EQ(connection_->in_replica_set(), catalog->operation_time > bson::Timestamp{});
  EXPECT_TRUE(std::ranges::is_sorted(catalog->collections, {}, &CollectionInfo::ns));
}

TEST_F(Server, IsASourceOrSaysWhyNot) {
  const auto source = choose_source(uri_, {}, never_);
  ASSERT_TRUE(source) << source.error().message();
  EXPECT_EQ(source->kind == Kind::kReplicaSet, connection_->in_replica_set());
  EXPECT_EQ(source->set_id.size(), connection_->in_replica_set() ? 24u : 0u);
  EXPECT_GE(source->version_array.size(), 3u);
  EXPECT_FALSE(source->fcv.empty());
  EXPECT_TRUE(source->uri.is_direct());
  const auto missing = missing_for_backup(*connection_, never_);
  ASSERT_TRUE(missing) << missing.error().message();
  EXPECT_TRUE(missing->empty());
}

TEST_F(Server, TailsTheOplog) {
  if (!connection_->in_replica_set()) GTEST_SKIP() << "a standalone has no oplog";
  const auto at = position(*connection_, never_);
  ASSERT_TRUE(at) << at.error().message();
  const auto start = oplog_start(*connection_, at->majority, never_);
  ASSERT_TRUE(start) << start.error().message();
  auto other = connect();
  auto tail = OplogTail::open(other, *start, never_);
  ASSERT_TRUE(tail) << tail.error().message();
  fill("c", 10);
  size_t inserts = 0;
  for (int i = 0; i < 5 && inserts < 10; ++i) {
    const auto status = tail->poll(
        [&](ByteView entry) -> Status {
          if (bson::View(entry).string("ns") == std::string(kDb) + ".c" && bson::View(entry).string("op") == "i")
            ++inserts;
          return {};
        },
        never_);
    ASSERT_TRUE(status) << status.error().message();
  }
  EXPECT_EQ(inserts, 10u);
  EXPECT_GT(tail->reached(), *start);
  const auto lost = OplogTail::open(*connection_, {1'000'000'000, 1}, never_);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind(), ErrorKind::kInconsistent);
}

TEST_F(Server, CountsWritesButNotReads) {
  fill("c", 10);
  const auto before = write_counters(*connection_, never_);
  ASSERT_TRUE(before) << before.error().message();
  ASSERT_TRUE(read_all(by_uuid("c")));
  connect();
  ASSERT_TRUE(list_catalog(*connection_, never_));
  run("admin", R"({"refreshLogicalSessionCacheNow": 1})");
  auto now = write_counters(*connection_, never_);
  EXPECT_EQ(text(*now), text(*before));
  for (
      const char* command :
      {R"({"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"x": 1}}}]})",
       R"({"delete": "c", "deletes": [{"q": {"_id": 1}, "limit": 1}]})",
       R"({"findAndModify": "c", "query": {"_id": 2}, "update": {"$set": {"x": 1}}})", R"({"create": "d"})",
       R"({"insert": "c", "documents": [{"_id": 77}]})",
       R"({"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]})",
       R"({"aggregate": "c", "pipeline": [{"$out": "c2"}], "cursor": {}})",
       R"({"aggregate": "c", "pipeline": [{"$merge": {"into": "c2", "whenMatched": [{"$set": {"y": 1}}]}}], "cursor": {}})"}) {
    run(kDb, command);
    const auto after = write_counters(*connection_, never_);
    EXPECT_NE(text(*after), text(*now)) << command;
    now = after;
  }
}

TEST_F(Server, CreatesWhatWasListed) {
  std::vector<std::pair<std::string, std::string>> wanted = {
      {"capped", R"({"capped": true, "size": 100096, "max": 10, "autoIndexId": true})"},
      {"valid", R"({"validator": {"a": {"$type": "int"}}, "validationLevel": "moderate", "validationAction": "warn"})"},
      {"french", R"({"collation": {"locale": "fr", "strength": 2}})"},
      {"view", R"({"viewOn": "valid", "pipeline": [{"$match": {"a": 1}}], "collation": {"locale": "fr"}})"}};
  const auto wire = connection_->wire_version();
  if (wire >= 13)
    wanted.push_back({"series", R"({"timeseries": {"timeField": "t", "metaField": "m", "granularity": "minutes"}})"});
  if (wire >= 17)
    wanted.push_back(
        {"clustered",
         R"({"clusteredIndex": {"key": {"_id": 1}, "unique": true, "name": "x"}, "changeStreamPreAndPostImages": {"enabled": true}})"});
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

TEST_F(Server, LoadsTimeSeriesByTheirBuckets) {
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
  Inserter inserter(*connection_, {kDb, "system.buckets.copy"}, false);
  ASSERT_TRUE(inserter.add((*buckets)[0].bytes(), never_));
  const auto status = inserter.flush(never_);
  ASSERT_TRUE(status) << status.error().message();
  const auto found = run(kDb, R"({"find": "copy", "sort": {"v": 1}})");
  EXPECT_EQ(found.view().int64("cursor.firstBatch.1.v"), 3);
}

TEST_F(Server, BuildsGoodIndexesBesideABadOne) {
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

TEST_F(Server, SetsUnfinishedBuildsApart) {
  const bool old = connection_->wire_version() < 9;
  const std::string point = old ? "hangAfterStartingIndexBuildUnlocked" : "hangAfterStartingIndexBuild";
  const auto hang = from_json(R"({"configureFailPoint": ")" + point + R"(", "mode": "alwaysOn"})");
  if (!connection_->command("admin", hang, never_)) GTEST_SKIP() << "the server was started without test commands";
  fill("c", 10);
  auto other = connect();
  std::jthread build([&] {
    (void)other.command(kDb, from_json(R"({"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]})"),
                        never_);
  });
  const CollectionInfo* info = nullptr;
  Result<Catalog> catalog = Catalog{};
  for (int i = 0; i < 50 && (info == nullptr || info->unfinished.empty()); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    catalog = list_catalog(*connection_, never_);
    for (const auto& one : catalog->collections) {
      if (one.ns == bson::Namespace{kDb, "c"}) info = &one;
    }
  }
  run("admin", R"({"configureFailPoint": ")" + point + R"(", "mode": "off"})");
  build.join();
  ASSERT_TRUE(info != nullptr && info->unfinished.size() == 1);
  EXPECT_EQ(info->unfinished[0].view().string("name"), "a_1");
  EXPECT_EQ(info->unfinished[0].view().find("buildUUID").has_value(), !old && connection_->in_replica_set());
  EXPECT_EQ(info->indexes.size(), 1u);
}

TEST_F(Server, MergesUsersAndLeavesExistingOnes) {
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
  const auto planned = plan_users_and_roles(*connection_, users->documents, roles->documents, never_);
  ASSERT_TRUE(planned) << planned.error().message();
  const auto merged = merge_users_and_roles(*connection_, *target, users->documents, roles->documents, never_);
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
