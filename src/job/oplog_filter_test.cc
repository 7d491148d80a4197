#include "job/oplog_filter.h"

#include <gtest/gtest.h>

namespace varve::job {
namespace {

using bson::Builder;
using bson::Document;
using bson::Namespace;
using bson::Timestamp;

Bytes uuid(uint8_t n) {
  return Bytes(16, n);
}

OplogFilter filter(std::vector<std::string> includes) {
  return OplogFilter(*bson::NamespaceFilter::make(std::move(includes), {}));
}

Document crud(const char* op, const std::string& ns, uint8_t id, int32_t value = 1) {
  Builder b;
  b.add("op", op).add("ns", ns).add_uuid("ui", uuid(id)).add("ts", Timestamp{100, 1}).add("v", int64_t{2});
  b.open("o").add("_id", value).end();
  return b.finish();
}

Document command(const std::string& db, uint8_t id, const std::string& name, const std::string& collection) {
  Builder b;
  b.add("op", "c").add("ns", db + ".$cmd").add_uuid("ui", uuid(id)).add("ts", Timestamp{100, 2}).add("v", int64_t{2});
  b.open("o").add(name, collection).end();
  return b.finish();
}

Document rename(const std::string& from, const std::string& to, uint8_t id) {
  Builder b;
  b.add("op", "c")
      .add("ns", from.substr(0, from.find('.')) + ".$cmd")
      .add_uuid("ui", uuid(id))
      .add("ts", Timestamp{100, 3})
      .add("v", int64_t{2});
  b.open("o").add("renameCollection", from).add("to", to).end();
  return b.finish();
}

Document transaction(const std::vector<Document>& operations, bool session = true) {
  Builder b;
  b.add("op", "c").add("ns", "admin.$cmd").add("ts", Timestamp{100, 4}).add("v", int64_t{2});
  if (session) {
    b.open("lsid").add("id", int32_t{1}).end();
    b.add("txnNumber", int64_t{1});
  }
  b.open("o").open_array("applyOps");
  for (size_t i = 0; i < operations.size(); ++i) b.add(std::to_string(i), operations[i]);
  b.end().end();
  return b.finish();
}

bool taken(OplogFilter& f, const Document& entry) {
  Bytes out;
  EXPECT_TRUE(f.take(entry.bytes(), out));
  return !out.empty();
}

TEST(OplogFilter, KeepsTheBytesOfWhatIsSelectedAndDropsNoops) {
  auto f = filter({});
  const auto insert = crud("i", "shop.orders", 1);
  Bytes out;
  ASSERT_TRUE(f.take(insert.bytes(), out));
  EXPECT_EQ(to_hex(out), to_hex(insert.bytes()));
  EXPECT_FALSE(taken(f, crud("n", "", 9)));
  EXPECT_FALSE(taken(f, crud("i", "config.transactions", 3)));
  EXPECT_FALSE(taken(f, crud("i", "local.startup_log", 3)));
  EXPECT_EQ(f.changes(), 1u);
}

// RULES 4: the oplog is never filtered by name alone.
TEST(OplogFilter, FollowsACollectionByItsUuidThroughARename) {
  auto f = filter({"shop.orders"});
  f.know(uuid(1), {"shop", "orders"}, true);
  EXPECT_TRUE(taken(f, rename("shop.orders", "shop.orders_old", 1)));
  EXPECT_TRUE(taken(f, crud("i", "shop.orders_old", 1)));
  EXPECT_FALSE(taken(f, crud("i", "shop.carts", 2)));
  EXPECT_TRUE(f.renamed().contains(std::string(16, '\1')));
  EXPECT_EQ(f.needs_varve().size(), 1u);  // RULES 13
}

TEST(OplogFilter, ARenameFromOutsideTheFilterMakesTheBackupIncomplete) {
  auto f = filter({"shop.orders"});
  f.know(uuid(5), {"shop", "staging"}, false);
  EXPECT_FALSE(taken(f, rename("shop.staging", "shop.orders", 5)));
  ASSERT_EQ(f.incomplete().size(), 1u);
  EXPECT_NE(f.incomplete().begin()->find("shop.orders"), std::string::npos);
}

TEST(OplogFilter, TemporariesAreFollowedFromTheStart) {
  auto f = filter({"shop.orders"});
  EXPECT_TRUE(taken(f, command("shop", 7, "create", "tmp.agg_out.1")));
  EXPECT_TRUE(taken(f, crud("i", "shop.tmp.agg_out.1", 7)));
  EXPECT_TRUE(taken(f, rename("shop.tmp.agg_out.1", "shop.orders", 7)));
  EXPECT_TRUE(f.incomplete().empty());
  EXPECT_FALSE(taken(f, command("other", 8, "create", "tmp.agg_out.2")));
}

TEST(OplogFilter, WhatARenameReplacesIsDropped) {
  auto f = filter({"shop.*"});
  f.know(uuid(1), {"shop", "orders"}, true);
  f.know(uuid(2), {"shop", "old"}, true);
  Builder b;
  b.add("op", "c").add("ns", "shop.$cmd").add_uuid("ui", uuid(1)).add("ts", Timestamp{100, 3}).add("v", int64_t{2});
  b.open("o").add("renameCollection", "shop.orders").add("to", "shop.old").add_uuid("dropTarget", uuid(2)).end();
  EXPECT_TRUE(taken(f, b.finish()));
  EXPECT_EQ(f.dropped(), std::set<std::string>{std::string(16, '\2')});
}

TEST(OplogFilter, ARecreatedCollectionHasAUuidOfItsOwn) {
  auto f = filter({"shop.*"});
  f.know(uuid(1), {"shop", "orders"}, true);
  EXPECT_TRUE(taken(f, command("shop", 1, "drop", "orders")));
  EXPECT_TRUE(taken(f, command("shop", 2, "create", "orders")));
  EXPECT_TRUE(taken(f, crud("i", "shop.orders", 2)));
  EXPECT_TRUE(f.dropped().contains(std::string(16, '\1')));
}

TEST(OplogFilter, CutsATransactionDownToWhatIsSelected) {
  auto f = filter({"shop.*"});
  const auto entry = transaction({crud("i", "shop.a", 1, 10), crud("i", "other.b", 2, 20), crud("u", "shop.c", 3, 30)});
  Bytes out;
  ASSERT_TRUE(f.take(entry.bytes(), out));
  const auto kept = bson::parse_oplog_entry(bson::View(out));
  ASSERT_TRUE(kept);
  const auto operations = bson::nested_operations(*kept);
  ASSERT_TRUE(operations);
  ASSERT_EQ(operations->size(), 2u);
  EXPECT_EQ((*operations)[0].ns, (Namespace{"shop", "a"}));
  EXPECT_EQ((*operations)[1].ns, (Namespace{"shop", "c"}));
  EXPECT_TRUE(kept->entry.find("lsid"));
  EXPECT_EQ(f.changes(), 2u);
}

TEST(OplogFilter, TheFrameOfATransactionStaysWhenNothingInItIsSelected) {
  auto f = filter({"shop.*"});
  EXPECT_TRUE(taken(f, transaction({crud("i", "other.b", 2)})));
  EXPECT_FALSE(taken(f, transaction({crud("i", "other.b", 2)}, false)));
  EXPECT_EQ(f.changes(), 0u);
}

TEST(OplogFilter, RefusesByNameWhatItDoesNotKnow) {
  auto f = filter({});
  Bytes out;
  const auto status = f.take(command("shop", 1, "reticulateSplines", "orders").bytes(), out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind(), ErrorKind::kUnsupported);
  EXPECT_NE(status.error().message().find("reticulateSplines"), std::string::npos);
}

TEST(OplogFilter, AViewIsSelectedByItsOwnName) {
  const auto view = [](const char* name) {
    Builder b;
    b.add("op", "i")
        .add("ns", "shop.system.views")
        .add_uuid("ui", uuid(6))
        .add("ts", Timestamp{100, 1})
        .add("v", int64_t{2});
    b.open("o").add("_id", name).end();
    return b.finish();
  };
  auto f = filter({"shop.open_*"});
  EXPECT_TRUE(taken(f, view("shop.open_orders")));
  EXPECT_FALSE(taken(f, view("shop.others")));
  EXPECT_EQ(f.needs_varve().size(), 1u);
}

TEST(OplogFilter, ChangesOfUsersNeedVarve) {
  auto f = filter({});
  EXPECT_TRUE(taken(f, crud("i", "admin.system.users", 4)));
  EXPECT_EQ(f.needs_varve().size(), 1u);
}

}  // namespace
}  // namespace varve::job
