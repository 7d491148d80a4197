// Reading from the server that VARVE_TEST_MONGODB names; skipped without one.

#include "mongo/server.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "mongo/batch.h"
#include "mongo/counters.h"
#include "mongo/errors.h"
#include "mongo/oplog.h"
#include "mongo/testing/server.h"

namespace varve::mongo {
namespace {

using testing::from_json;
using testing::kDb;
using testing::text;

using Clock = std::chrono::steady_clock;

class Server : public testing::Server {};

TEST_F(Server, NothingListensThere) {
  const auto began = Clock::now();
  const auto connection = Connection::open(*Uri::parse("mongodb://u:secret@127.0.0.1:1/"), never_);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(connection.error().message(), "cannot reach 127.0.0.1:1: Connection refused");
  EXPECT_EQ(connection.error().message().find("secret"), std::string::npos);
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(9));
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
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(7));
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
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(9));
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
  const auto missing = missing_for_backup(*connection_, false, never_);
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
  for (int i = 0; i < 400 && inserts < 10; ++i) {
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
  EXPECT_GT(tail->reached().ts, *start);

  const auto idle = all_results(*connection_, "admin", from_json(R"({"aggregate": 1, "pipeline": [
      {"$currentOp": {"idleCursors": true, "allUsers": true}}, {"$match": {"type": "idleCursor", "ns": "local.oplog.rs"}}], "cursor": {}})"),
                                never_);
  ASSERT_TRUE(idle) << idle.error().message();
  ASSERT_FALSE(idle->documents.empty());
  for (const auto& one : idle->documents) {
    const auto id = one.view().int64("cursor.cursorId").value_or(0);
    run("local", R"({"killCursors": "oplog.rs", "cursors": [{"$numberLong": ")" + std::to_string(id) + R"("}]})");
  }
  run(kDb, R"({"insert": "c", "documents": [{"_id": 1000}]})");
  std::vector<bson::Timestamp> seen;
  for (int i = 0; i < 400 && inserts < 11; ++i) {
    const auto status = tail->poll(
        [&](ByteView entry) -> Status {
          seen.push_back(*bson::View(entry).timestamp("ts"));
          if (bson::View(entry).string("ns") == std::string(kDb) + ".c") ++inserts;
          return {};
        },
        never_);
    ASSERT_TRUE(status) << status.error().message();
  }
  EXPECT_EQ(inserts, 11u);
  EXPECT_EQ(std::ranges::adjacent_find(seen, std::greater_equal<>()), seen.end());

  const auto lost = OplogTail::open(*connection_, {1'000'000'000, 1}, never_);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind(), ErrorKind::kInconsistent);
}

// What rollbacks put in the place of an entry has its time at best, never its term.
TEST_F(Server, KnowsAnEntryOfTheOplogByItsTerm) {
  if (!connection_->in_replica_set()) GTEST_SKIP() << "standalone has no oplog";
  fill("c", 1);
  const auto found = all_results(*connection_, "local",
                                 from_json(R"({"find": "oplog.rs", "sort": {"$natural": -1}, "limit": 1})"), never_);
  ASSERT_TRUE(found && found->documents.size() == 1);
  const auto newest = position_of(found->documents.front());
  EXPECT_GT(newest.term, 0);
  const auto holds = [&](bson::Timestamp ts, int64_t term) {
    const auto held = check_held(*connection_, {ts, term}, never_);
    if (!held) EXPECT_EQ(held.error().kind(), ErrorKind::kInconsistent) << held.error().message();
    return held.has_value();
  };
  EXPECT_TRUE(holds(newest.ts, newest.term));
  EXPECT_FALSE(holds(newest.ts, newest.term + 1));
  EXPECT_FALSE(holds({newest.ts.seconds - 1, 4'000'000'000}, newest.term));
}

TEST_F(Server, CountsWritesButNotReads) {
  fill("c", 10);
  struct Look {
    Catalog catalog;
    WriteCounters counters;
  };
  const auto look = [&] { return Look{*list_catalog(*connection_, never_), *write_counters(*connection_, never_)}; };
  const auto same = [](const Look& one, const Look& other) {
    return same_catalog(one.catalog, other.catalog) && text(one.counters.writes) == text(other.counters.writes) &&
           text(one.counters.attempts) == text(other.counters.attempts);
  };
  // Where the server takes test commands: the sessions of clients are saved, which is no write of theirs, and their
  // collection is made the first time.
  const auto save_sessions = [&] {
    (void)connection_->command("admin", from_json(R"({"refreshLogicalSessionCacheNow": 1})"), never_);
  };
  const auto before = look();
  ASSERT_TRUE(read_all(by_uuid("c")));
  connect();
  ASSERT_TRUE(list_catalog(*connection_, never_));
  save_sessions();
  run(kDb, R"({"createIndexes": "c", "indexes": [{"key": {"_id": 1}, "name": "_id_"}]})");  // is there
  auto now = look();
  EXPECT_TRUE(same(now, before));
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
    const auto after = look();
    EXPECT_FALSE(same(after, now)) << command;
    now = after;
  }
}

TEST_F(Server, SetsUnfinishedBuildsApart) {
  const bool old = connection_->wire_version() < 9;
  const std::string point = old ? "hangAfterStartingIndexBuildUnlocked" : "hangAfterStartingIndexBuild";
  run(kDb, R"({"createIndexes": "c", "indexes": [{"key": {"b": 1}, "name": "b_1"}]})");
  const auto hang = from_json(R"({"configureFailPoint": ")" + point + R"(", "mode": "alwaysOn"})");
  if (!connection_->command("admin", hang, never_)) GTEST_SKIP() << "the server was started without test commands";
  fill("c", 10);
  auto other = connect();
  std::jthread build([&] {
    (void)other.command(kDb, from_json(R"({"createIndexes": "c", "indexes": [{"key": {"b": 1}, "name": "b_1"},
                                                                                 {"key": {"a": 1}, "name": "a_1"}]})"),
                        never_);
  });
  const CollectionInfo* info = nullptr;
  Result<Catalog> catalog = Catalog{};
  for (int i = 0; i < 600 && (info == nullptr || info->unfinished.empty()); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    catalog = list_catalog(*connection_, never_);
    for (const auto& one : catalog->collections) {
      if (one.ns == bson::Namespace{kDb, "c"}) info = &one;
    }
  }
  run("admin", R"({"configureFailPoint": ")" + point + R"(", "mode": "off"})");
  build.join();
  ASSERT_TRUE(info != nullptr && info->unfinished.size() == 1);
  EXPECT_EQ(info->unfinished[0], "a_1");
  EXPECT_EQ(info->indexes.size(), 2u);
}

}  // namespace
}  // namespace varve::mongo
