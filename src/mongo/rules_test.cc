// The small pure decisions: scope, privileges, errors.

#include <fstream>

#include <gtest/gtest.h>

#include "bson/document.h"
#include "mongo/batch.h"
#include "mongo/cursor.h"
#include "mongo/errors.h"
#include "mongo/privileges.h"
#include "mongo/scope.h"
#include "mongo/server.h"
#include "mongo/testing/json.h"

namespace varve::mongo {
namespace {

using testing::from_json;

bool in_scope(const char* ns) {
  return !out_of_scope(bson::Namespace::parse(ns));
}

TEST(Scope, HoldsWhatBelongsToTheUser) {
  for (const char* ns : {"shop.orders", "admin.mine", "admin.system.users", "admin.system.roles",
                         "admin.system.version", "shop.system.js", "shop.system.buckets.x", "shop.tmp_orders",
                         "shop.pbmConfig", "admin.pbm", "shop.enxcol_.c.esc"}) {
    EXPECT_TRUE(in_scope(ns)) << ns;
  }
  for (const char* ns :
       {"local.oplog.rs", "config.settings", "shop.system.profile", "shop.system.views", "admin.system.keys",
        "admin.pbmConfig", "shop.system.resharding.1", "shop.a$b", "admin.varve_temp_users", "varve_restore.state"}) {
    EXPECT_FALSE(in_scope(ns)) << ns;
  }
}

TEST(Scope, TemporariesAreOnlyTheServersOwn) {
  for (const char* name : {"tmp.agg_out.0a1b", "tmp.mr.orders_1", "tmpAb3x9.rename", "tmp12345.renameCollection",
                           "tmpaaaaa.convertToCapped.orders"}) {
    EXPECT_TRUE(is_temporary(name, {})) << name;
  }
  for (const char* name : {"tmp", "tmp_orders", "tmporders", "tmp12345", "tmp.mine", "tmp1234.rename", "temporary"}) {
    EXPECT_FALSE(is_temporary(name, {})) << name;
  }
  EXPECT_TRUE(is_temporary("x", from_json(R"({"temp": true})")));
}

TEST(Product, IsToldByServersThatAreNoMongo) {
  EXPECT_EQ(product_of(from_json(R"({"version": "6.0.5", "versionArray": [6, 0, 5, 0]})")), "");
  EXPECT_EQ(product_of(from_json(R"({"version": "6.0.5-4", "psmdbVersion": "6.0.5-4"})")), "");  // Percona's build
  EXPECT_EQ(product_of(from_json(R"({"version": "7.0.42", "ferretdbVersion": "v1.24.2"})")), "FerretDB v1.24.2");
  EXPECT_EQ(product_of(from_json(R"({"version": "7.0.42", "ferretdbVersion": "unknown"})")), "FerretDB");
  EXPECT_EQ(product_of(from_json(R"({"version": "7.0.77", "ferretdb": {"version": "v2.5.0"}})")), "FerretDB v2.5.0");
  EXPECT_EQ(product_of(from_json(R"({"version": "8.2.11", "secantusVersion": "0.7.0b3"})")), "SecantusDB 0.7.0b3");
}

TEST(Privileges, OfTheBuiltInRoles) {
  std::ifstream file(VARVE_TEST_DATA "/mongo/privileges.jsonl");
  int seen = 0;
  for (std::string line; std::getline(file, line); ++seen) {
    const auto entry = from_json(line);
    const Privileges privileges(*entry.view().array("privileges"));
    const auto roles = *entry.view().string("roles");
    const bool backs_up = roles.starts_with("backup");
    const bool restores = roles == "restore readWriteAnyDatabase";
    EXPECT_EQ(lacking_for_backup(privileges, {.replica_set = true}).empty(), backs_up) << roles;
    EXPECT_EQ(lacking_for_restore(privileges, {.users = true}).empty(), restores) << roles;
  }
  EXPECT_EQ(seen, 5);
  EXPECT_TRUE(lacking_for_backup(
                  Privileges(from_json(R"({"0": {"resource": {"anyResource": true}, "actions": ["anyAction"]}})")),
                  {.replica_set = true, .time_series = true})
                  .empty());
  EXPECT_EQ(lacking_for_restore(Privileges({}), {}).size(), 2u);
}

TEST(Privileges, SystemCollectionsAndServerDatabasesAreApart) {
  const auto any = from_json(R"({"0": {"resource": {"db": "", "collection": ""}, "actions": ["find"]}})");
  const Privileges privileges(any);
  EXPECT_TRUE(privileges.on_collection({"shop", "orders"}, "find"));
  EXPECT_FALSE(privileges.on_collection({"shop", "orders"}, "insert"));
  EXPECT_FALSE(privileges.on_collection({"shop", "system.js"}, "find"));
  EXPECT_FALSE(privileges.on_collection({"local", "oplog.rs"}, "find"));
  EXPECT_FALSE(privileges.on_cluster("find"));
  const auto local = from_json(R"({"0": {"resource": {"db": "local", "collection": ""}, "actions": ["find"]}})");
  EXPECT_TRUE(Privileges(local).on_collection({"local", "oplog.rs"}, "find"));
  EXPECT_FALSE(Privileges(local).on_every_collection("find"));
}

TEST(Errors, KeepTheServersWordsAndSayWhatKindTheyAre) {
  EXPECT_EQ(server_error("db1", 13, "no").kind(), ErrorKind::kDenied);
  EXPECT_EQ(server_error("db1", 26, "no").kind(), ErrorKind::kNotFound);
  EXPECT_EQ(server_error("db1", 48, "no").kind(), ErrorKind::kExists);
  EXPECT_EQ(server_error("db1", 14031, "no").kind(), ErrorKind::kNoSpace);
  EXPECT_EQ(server_error("db1", 10107, "not primary").kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(server_error("db1", 2, "bad").kind(), ErrorKind::kInternal);
  EXPECT_EQ(server_error("db1", 2, "bad").message(), "db1: bad");
  EXPECT_EQ(server_error("db1", 2, "bad").code(), 2);
  EXPECT_FALSE(server_error("db1", 148, "off").hints().empty());
  EXPECT_EQ(server_error("db1", 13, R"(not authorized on a to execute command { find: "x", lsid: 1 })").message(),
            R"(db1: not authorized on a to execute command { find: "x" ... })");
}

TEST(Errors, SelectionWordsAreTheSystems) {
  EXPECT_EQ(selection_words("No suitable servers found (`serverSelectionTryOnce` set): [Connection refused]"),
            "Connection refused");
  EXPECT_EQ(selection_words("No suitable servers found (`serverSelectionTryOnce` set)"), "No suitable servers found");
}

TEST(Errors, SecretsAreTakenOutInEveryForm) {
  EXPECT_EQ(without_secret("a p/w b p%2Fw c", "p/w"), "a *** b *** c");
  EXPECT_EQ(without_secret("nothing", ""), "nothing");
}

TEST(Cursor, KnowsACollectionThatIsGone) {
  for (const int gone : {26, 175, 246}) EXPECT_TRUE(Cursor::vanished(server_error("a", gone, "x")));
  EXPECT_TRUE(Cursor::vanished(server_error("a", 9999, "Unable to resolve 1234")));
  EXPECT_FALSE(Cursor::vanished(server_error("a", 43, "cursor not found")));
}

TEST(Batch, IsNotTrusted) {
  const auto array = from_json(R"({"0": {"a": 1}, "1": {}})");
  size_t count = 0;
  const auto take = [&](ByteView) -> Status {
    ++count;
    return {};
  };
  EXPECT_TRUE(each_in_batch(array, take));
  EXPECT_EQ(count, 2u);
  EXPECT_FALSE(each_in_batch(from_json(R"({"0": 1})"), take));
  Bytes cut = to_bytes(array.bytes());
  for (size_t at = 4; at < cut.size(); ++at) {
    Bytes changed = cut;
    changed[at] = static_cast<uint8_t>(changed[at] ^ 0x55);
    (void)each_in_batch(bson::View(changed), take);
  }
}

}  // namespace
}  // namespace varve::mongo
