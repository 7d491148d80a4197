#include "bson/oplog.h"

#include <map>

#include <gtest/gtest.h>

#include "bson/testing/samples.h"

namespace varve::bson {
namespace {

using Counts = std::map<OplogKind, size_t>;

/// Counts an entry and what is nested in it; fails on what is unknown.
void count(const Result<OplogEntry>& entry, Counts& counts, Counts& nested) {
  ASSERT_TRUE(entry) << entry.error().message();
  ++counts[entry->kind];
  EXPECT_NE(entry->kind, OplogKind::kUnknown);
  if (entry->kind != OplogKind::kApplyOps) return;
  const auto operations = nested_operations(*entry);
  ASSERT_TRUE(operations);
  for (const auto& operation : *operations) count(operation, nested, nested);
}

class Recorded : public ::testing::TestWithParam<const char*> {};

TEST_P(Recorded, EveryEntryIsKnown) {
  Counts counts, nested;
  for (const char* name : {"01-crud", "02-arrays", "03-types", "04-ddl", "05-transactions", "06-storm"}) {
    const Bytes bytes = testing::read_data(std::string(GetParam()) + "/" + name + ".bson");
    Timestamp last;
    for (const ByteView raw : testing::split_documents(bytes)) {
      const auto entry = parse_oplog_entry(View(raw));
      count(entry, counts, nested);
      EXPECT_GT(entry->ts, last);
      last = entry->ts;
    }
  }
  EXPECT_EQ(counts[OplogKind::kRename], 7u);
  EXPECT_EQ(counts[OplogKind::kDropDatabase], 1u);
  EXPECT_EQ(counts[OplogKind::kCreateIndexes], 7u);
  EXPECT_EQ(counts[OplogKind::kStartIndexBuild], 4u);
  EXPECT_EQ(counts[OplogKind::kCommitIndexBuild], 4u);
  EXPECT_EQ(counts[OplogKind::kDropIndexes], 1u);
  EXPECT_EQ(counts[OplogKind::kCollMod], 2u);
  EXPECT_GT(counts[OplogKind::kInsert], 100u);
  EXPECT_GT(counts[OplogKind::kUpdate], 100u);
  EXPECT_GT(counts[OplogKind::kApplyOps], 0u);
  EXPECT_GT(nested[OplogKind::kInsert], 0u);
}

INSTANTIATE_TEST_SUITE_P(Servers, Recorded, ::testing::Values("oplog-4.4", "oplog-6.0"),
                         [](const auto& info) { return std::string(info.param) == "oplog-4.4" ? "v44" : "v60"; });

/// {ts, op: "c", ns: "db.$cmd", o}
Document command(View o) {
  return Builder()
      .add("ts", Timestamp{1, 1})
      .add("t", int64_t{7})
      .add("v", int64_t{2})
      .add("op", "c")
      .add("ns", "db.$cmd")
      .add("o", o)
      .finish();
}

Document update(View o) {
  return Builder()
      .add("ts", Timestamp{1, 1})
      .add("v", int64_t{2})
      .add("op", "u")
      .add("ns", "db.c")
      .add("o", o)
      .finish();
}

TEST(Oplog, CommandsAreResolvedToTheirCollection) {
  const Document create = command(Builder().add("create", "a.b").finish());
  const auto entry = parse_oplog_entry(create);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->kind, OplogKind::kCreate);
  EXPECT_EQ(entry->ns, (Namespace{"db", "a.b"}));
  EXPECT_EQ(entry->command, "create");
  EXPECT_EQ(entry->term, 7);
  const Document drop_database = command(Builder().add("dropDatabase", int32_t{1}).finish());
  EXPECT_EQ(parse_oplog_entry(drop_database)->ns, (Namespace{"db", ""}));
}

TEST(Oplog, RenamesTellWhatTheyReplace) {
  const std::array<uint8_t, 16> uuid = {9};
  Builder o;
  o.add("renameCollection", "db.a").add("to", "other.b").add("stayTemp", false);
  const Document plain = command(o.finish());
  auto entry = parse_oplog_entry(plain);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->kind, OplogKind::kRename);
  EXPECT_EQ(entry->ns, (Namespace{"db", "a"}));
  EXPECT_EQ(entry->rename_to, (Namespace{"other", "b"}));
  EXPECT_FALSE(entry->drops_target);

  const Document by_uuid =
      command(o.add("renameCollection", "db.a").add("to", "db.b").add_uuid("dropTarget", uuid).finish());
  entry = parse_oplog_entry(by_uuid);
  EXPECT_TRUE(entry->drops_target);
  EXPECT_EQ(to_bytes(*entry->drop_target), to_bytes(uuid));

  const Document by_flag =
      command(o.add("renameCollection", "db.a").add("to", "db.b").add("dropTarget", true).finish());
  entry = parse_oplog_entry(by_flag);
  EXPECT_TRUE(entry->drops_target);
  EXPECT_FALSE(entry->drop_target);
}

TEST(Oplog, WhatIsNotKnownIsSaidNotSkipped) {
  const Document import = command(Builder().add("importCollection", "db.c").finish());
  const auto entry = parse_oplog_entry(import);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->kind, OplogKind::kUnknown);
  EXPECT_EQ(entry->command, "importCollection");
  Builder b;
  const Document odd =
      b.add("ts", Timestamp{1, 1}).add("v", int64_t{2}).add("op", "zz").add("ns", "a.b").add("o", View()).finish();
  EXPECT_EQ(parse_oplog_entry(odd)->kind, OplogKind::kUnknown);
  EXPECT_EQ(parse_oplog_entry(odd)->command, "zz");
  EXPECT_EQ(describe_unknown(*entry), "'importCollection' on db.db.c");
  EXPECT_EQ(describe_unknown(*parse_oplog_entry(odd)), "'zz' on a.b");
}

/// As SecantusDB writes its oplog: entries that look like MongoDB's and mean something else.
TEST(Oplog, TheDialectOfAnotherServerIsNamed) {
  Builder b;
  const auto begin = [&](const char* op) -> Builder& {
    return b.add("ts", Timestamp{1, 1}).add("op", op).add("ns", "db.c");
  };
  const Document insert = begin("i").open("o").add("_id", int32_t{1}).finish();
  EXPECT_EQ(parse_oplog_entry(insert)->kind, OplogKind::kUnknown);
  EXPECT_EQ(describe_unknown(*parse_oplog_entry(insert)), "'i' on db.c, in an entry that is not of the version 2");
  const Document index =
      b.add("ts", Timestamp{1, 1}).add("op", "c").add("ns", "db.$cmd").open("o").add("createIndexes", "c").finish();
  EXPECT_EQ(describe_unknown(*parse_oplog_entry(index)),
            "'createIndexes' on db.c, in an entry that is not of the version 2");
  const Document changed =
      begin("u").open("o").add("$v", int32_t{2}).open("diff").open("updatedFields").add("a", int32_t{1}).finish();
  EXPECT_EQ(parse_oplog_entry(changed)->kind, OplogKind::kUnknown);
  EXPECT_EQ(describe_unknown(*parse_oplog_entry(changed)), "an update with 'updatedFields' on db.c");
  const Document noop = b.add("ts", Timestamp{1, 1}).add("op", "n").add("ns", "").finish();
  EXPECT_EQ(parse_oplog_entry(noop)->kind, OplogKind::kNoop);
}

TEST(Oplog, OnlyMongosOwnFormsOfUpdateAreKnown) {
  const auto kind = [](View o) {
    const Document entry = update(o);
    return parse_oplog_entry(entry)->kind;
  };
  Builder b;
  EXPECT_EQ(kind(b.add("_id", int32_t{1}).add("x", int32_t{1}).finish()), OplogKind::kUpdate);
  EXPECT_EQ(kind(b.add("$v", int32_t{1}).open("$set").end().finish()), OplogKind::kUpdate);
  EXPECT_EQ(kind(b.open("$unset").end().finish()), OplogKind::kUpdate);
  EXPECT_EQ(kind(b.open("$inc").end().finish()), OplogKind::kUnknown);
  EXPECT_EQ(kind(b.add("$v", int32_t{3}).open("diff").end().finish()), OplogKind::kUnknown);
  EXPECT_EQ(kind(b.add("$v", int32_t{2}).open("diff").open("sa").end().finish()), OplogKind::kUpdate);
  EXPECT_EQ(kind(b.add("$v", int32_t{2}).open("diff").open("updatedFields").end().finish()), OplogKind::kUnknown);
}

TEST(Oplog, RefusesWhatIsNoEntry) {
  Builder b;
  for (const Document& d :
       {Document(), b.add("op", "i").finish(), b.add("ts", Timestamp{1, 1}).add("op", "i").add("ns", "a.b").finish(),
        b.add("op", "n").add("ns", "").finish(), command(View()), command(b.add("create", int32_t{1}).finish()),
        command(b.add("renameCollection", "a.b").finish())}) {
    const auto entry = parse_oplog_entry(d);
    ASSERT_FALSE(entry);
    EXPECT_EQ(entry.error().kind(), ErrorKind::kCorrupt);
  }
}

TEST(Oplog, NestedOperationsHaveNoTimeOfTheirOwn) {
  Builder b;
  b.open_array("applyOps").open("0").add("op", "c").add("ns", "db.$cmd").open("o").add("create", "x").end().end();
  b.open("1").add("op", "d").add("ns", "db.x").open("o").add("_id", int32_t{1});
  const Document outer = command(b.finish());
  const auto entry = parse_oplog_entry(outer);
  ASSERT_TRUE(entry);
  const auto nested = nested_operations(*entry);
  ASSERT_TRUE(nested);
  ASSERT_EQ(nested->size(), 2u);
  EXPECT_EQ((*nested)[0].kind, OplogKind::kCreate);
  EXPECT_EQ((*nested)[0].ns, (Namespace{"db", "x"}));
  EXPECT_EQ((*nested)[1].kind, OplogKind::kDelete);
  EXPECT_EQ((*nested)[1].ts, Timestamp());
  const Document broken = command(b.add("applyOps", int32_t{1}).finish());
  EXPECT_FALSE(nested_operations(*parse_oplog_entry(broken)));
}

}  // namespace
}  // namespace varve::bson
