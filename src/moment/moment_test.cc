#include "moment/moment.h"

#include <gtest/gtest.h>

#include "bson/json.h"
#include "moment/testing/entries.h"

namespace varve::moment {
namespace {

using bson::Builder;
using bson::Document;
using bson::Timestamp;
using testing::Entries;
using testing::numbered;
using testing::set_field;
using testing::State;

Options selecting(std::vector<std::string> includes) {
  Options options;
  options.filter = *bson::NamespaceFilter::make(std::move(includes), {});
  return options;
}

testing::Results results_of(const std::vector<State>& states, const Entries& entries, const Options& options = {},
                            bool exact = true) {
  auto results = testing::run(states, testing::base_of_states(states, exact), entries.all, options);
  EXPECT_TRUE(results) << results.error().message();
  return results ? std::move(*results) : testing::Results();
}

std::vector<std::string> names(const testing::Results& results) {
  std::vector<std::string> all;
  for (const auto& [name, result] : results.collections) all.push_back(name);
  return all;
}

std::vector<int64_t> ids(const testing::Results& results, const std::string& ns) {
  std::vector<int64_t> all;
  for (const auto& document : results.collections.at(ns).documents) all.push_back(*bson::View(document).int64("_id"));
  return all;
}

using Names = std::vector<std::string>;
using Ids = std::vector<int64_t>;

TEST(Moment, WithoutAnyEntryItIsItsBase) {
  const std::vector<State> states = {testing::state(1, "shop.orders", {numbered(1, 1)}),
                                     testing::state(2, "shop.empty")};
  const auto results = results_of(states, {});
  expect_state(results, states);
  EXPECT_TRUE(results.collections.at("shop.orders").untouched);
}

TEST(Moment, OnlyWhatChangedIsTouched) {
  const std::vector<State> states = {testing::state(1, "shop.orders", {numbered(1, 1)}),
                                     testing::state(2, "shop.quiet", {numbered(1, 1)})};
  Entries e;
  e.update(1, "shop.orders", 1, set_field("n", 2));
  e.create(3, "shop.new");
  e.rename(2, "shop.quiet", "shop.silent");
  const auto results = results_of(states, e);
  EXPECT_FALSE(results.collections.at("shop.orders").untouched);
  EXPECT_TRUE(results.collections.at("shop.silent").untouched);
  EXPECT_TRUE(results.collections.at("shop.new").untouched);
  EXPECT_EQ(ids(results, "shop.silent"), Ids{1});
  EXPECT_EQ(ids(results, "shop.new"), Ids{});
}

// RULES 9: what an exactly read collection holds is passed over; the catalog, and what was read as it came, take it.
TEST(Moment, DocumentsReadAtOneTimeHoldWhatHappenedUntilThen) {
  auto read = testing::state(1, "shop.read", {numbered(1, 3)});
  auto capped = testing::state(2, "shop.capped", {numbered(1, 1)}, Builder().add("capped", true).finish());
  read.entry.how = "snapshot";
  capped.entry.how = "window";
  Entries e;
  e.insert(1, "shop.read", numbered(9, 9));  // and was deleted before the time of reading
  e.rename(1, "shop.read", "shop.renamed");
  e.insert(2, "shop.capped", numbered(2, 2));
  e.create(3, "shop.new");
  e.insert(3, "shop.new", numbered(1, 1));
  const auto time = e.last();
  e.update(1, "shop.renamed", 1, set_field("n", 4));
  for (const bool rolled_forward : {false, true}) {
    auto base = testing::base_of_states({read, capped}, /*exact=*/false);
    base.read_at = time;
    base.time = rolled_forward ? e.last() : time;
    auto entries = e.all;
    if (!rolled_forward) entries.pop_back();
    const auto results = testing::run({read, capped}, base, entries, {});
    ASSERT_TRUE(results) << results.error().message();
    EXPECT_EQ(names(*results), (Names{"shop.capped", "shop.new", "shop.renamed"}));
    EXPECT_EQ(ids(*results, "shop.renamed"), Ids{1});
    EXPECT_EQ(ids(*results, "shop.capped"), (Ids{1, 2}));
    EXPECT_EQ(results->collections.at("shop.renamed").untouched, !rolled_forward);
  }
}

// RULES 9: a transaction counts at its commit: before the time of reading it is in the documents, after it is not.
TEST(Moment, ATransactionOpenAtTheTimeOfReadingComesAfterIt) {
  auto read = testing::state(1, "shop.read", {numbered(1, 1)});
  read.entry.how = "snapshot";
  Entries e;
  e.apply_ops({testing::insert_op(1, "shop.read", numbered(7, 7))}, {.session = 1, .prepare = true});
  e.apply_ops({testing::insert_op(1, "shop.read", numbered(8, 8))}, {.session = 2, .prepare = true});
  e.apply_ops({testing::insert_op(1, "shop.read", numbered(9, 9))}, {.session = 3, .partial = true});
  const auto first_of_3 = e.last();
  const auto time = e.last();
  e.commit(1, 1, time);  // logged after the time of reading, in effect at it
  e.commit(2, 1, e.last());
  e.apply_ops({}, {.session = 3, .previous = first_of_3});
  auto base = testing::base_of_states({read}, /*exact=*/false);
  base.read_at = time;
  base.time = e.last();
  const auto results = testing::run({read}, base, e.all, {});
  ASSERT_TRUE(results) << results.error().message();
  EXPECT_EQ(ids(*results, "shop.read"), (Ids{1, 8, 9}));
}

// RULES 9: the moment is inclusive.
TEST(Moment, EndsWithTheTimeAskedFor) {
  const std::vector<State> states = {testing::state(1, "shop.orders")};
  Entries e;
  for (int32_t i = 1; i <= 5; ++i) e.insert(1, "shop.orders", numbered(i, i));
  Options options;
  options.until = Timestamp{100, 3};
  EXPECT_EQ(ids(results_of(states, e, options), "shop.orders"), (Ids{1, 2, 3}));
}

// RULES 3: a base read over a window serves no moment before its end.
TEST(Moment, ABaseServesNoMomentBeforeItsTime) {
  Options options;
  options.until = Timestamp{99, 9};
  const auto refused = Moment::open(testing::base_of_states({}, false), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kInvalidInput);
}

TEST(Moment, AnUnknownOperationIsNamedWithItsTime) {
  const std::vector<State> states = {testing::state(1, "shop.orders")};
  Entries e;
  e.noop();
  e.command(1, "shop", Builder().add("importCollection", "orders").finish());
  const auto refused = testing::run(states, testing::base_of_states(states), e.all, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
  EXPECT_NE(refused.error().message().find("importCollection"), std::string::npos);
  EXPECT_NE(refused.error().message().find("100:2"), std::string::npos);
}

TEST(Moment, ABinaryDiffIsNamedWithItsCollectionAndTime) {
  const std::vector<State> states = {testing::state(1, "shop.orders")};
  Entries e;
  e.insert(1, "shop.orders", numbered(1, 1));
  e.update(1, "shop.orders", 1, Builder().add("$v", int32_t{2}).open("diff").open("b").open("n").finish());
  const auto refused = testing::run(states, testing::base_of_states(states), e.all, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
  EXPECT_NE(refused.error().message().find("100:2 on shop.orders"), std::string::npos);
}

TEST(Moment, EntriesMetAgainArePassedOver) {
  const std::vector<State> states = {testing::state(1, "shop.orders", {numbered(1, 1)})};
  Entries e;
  e.update(1, "shop.orders", 1, set_field("n", 2));
  e.update(1, "shop.orders", 1, set_field("n", 3));
  e.all.push_back(e.all[0]);  // a slice begins with the last entry of the one before
  const auto results = results_of(states, e);
  EXPECT_EQ(bson::View(results.collections.at("shop.orders").documents[0]).int64("n"), 3);
  EXPECT_EQ(results.account.entries, 2u);
}

// --- selected collections

// RULES 4: names count at the moment.
TEST(Moment, FiltersActOnTheNamesAtTheMoment) {
  const std::vector<State> states = {testing::state(1, "shop.staging", {numbered(1, 1)}),
                                     testing::state(2, "shop.live", {numbered(2, 2)}),
                                     testing::state(3, "other.live", {numbered(3, 3)})};
  Entries e;
  e.insert(1, "shop.staging", numbered(10, 1));
  e.insert(2, "shop.live", numbered(20, 2));
  e.insert(3, "other.live", numbered(30, 3));
  e.rename(2, "shop.live", "shop.old");
  e.rename(1, "shop.staging", "shop.live");
  e.insert(1, "shop.live", numbered(11, 1));
  const auto results = results_of(states, e, selecting({"shop.live"}));
  EXPECT_EQ(names(results), Names{"shop.live"});
  EXPECT_EQ(ids(results, "shop.live"), (Ids{1, 10, 11}));
  EXPECT_TRUE(results.account.missing.empty());
}

// RULES 4: what $out makes under a temporary name counts once it is renamed, and not before.
TEST(Moment, TemporariesCountOnceTheyAreRenamed) {
  const std::vector<State> states = {
      testing::state(1, "shop.tmp.agg_out.1", {numbered(1, 1)}, Builder().add("temp", true).finish())};
  Entries e;
  e.insert(1, "shop.tmp.agg_out.1", numbered(2, 2));
  EXPECT_EQ(names(results_of(states, e)), Names{});
  e.rename(1, "shop.tmp.agg_out.1", "shop.made");
  const auto results = results_of(states, e, selecting({"shop.made"}));
  EXPECT_EQ(ids(results, "shop.made"), (Ids{1, 2}));
  EXPECT_TRUE(results.collections.at("shop.made").entry.options.view().empty());
}

// RULES 4: what the base lacks is named, never passed over.
TEST(Moment, ACollectionThatTheBaseLacksIsNamed) {
  Entries e;
  e.rename(7, "shop.unknown", "shop.orders");
  e.insert(8, "shop.also unknown", numbered(1, 1));
  e.insert(9, "shop.dropped before the listing", numbered(1, 1));
  e.drop(9, "shop.dropped before the listing");
  const auto results = results_of({}, e);
  EXPECT_EQ(results.account.missing, (Names{"shop.orders is not in the base", "shop.also unknown is not in the base"}));
}

TEST(Moment, NothingIsKeptOfOtherDatabases) {
  const std::vector<State> states = {testing::state(1, "logs.events")};
  Entries e;
  for (int32_t i = 0; i < 2000; ++i) {
    e.insert(1, "logs.events", Builder().add("_id", i).add("pad", std::string(1000, 'x')).finish());
  }
  Options options = selecting({"shop.*"});
  options.memory = 64u << 10;  // and nowhere to spill to
  EXPECT_EQ(names(results_of(states, e, options)), Names{});
}

TEST(Moment, TheServersOwnCollectionsAreNotGiven) {
  const std::vector<State> states = {testing::state(1, "config.transactions", {numbered(1, 1)}),
                                     testing::state(2, "shop.system.profile")};
  Entries e;
  e.insert(1, "config.transactions", numbered(2, 2));
  e.insert(2, "shop.system.profile", numbered(2, 2));
  EXPECT_EQ(names(results_of(states, e)), Names{});
}

// --- the catalog

TEST(Moment, DroppedAndMadeAnewItHasOnlyItsNewDocuments) {
  const std::vector<State> states = {testing::state(1, "shop.orders", {numbered(1, 1)})};
  Entries e;
  e.insert(1, "shop.orders", numbered(2, 2));
  e.drop(1, "shop.orders");
  e.create(2, "shop.orders");
  e.insert(2, "shop.orders", numbered(3, 3));
  const auto results = results_of(states, e);
  EXPECT_EQ(ids(results, "shop.orders"), Ids{3});
  EXPECT_EQ(results.collections.at("shop.orders").entry.uuid, to_hex(testing::uuid_of(2)));
}

TEST(Moment, EntriesWithoutUuidAreResolvedByName) {
  const std::vector<State> states = {testing::state(1, "shop.orders", {numbered(1, 1)})};
  Entries e;
  e.rename(1, "shop.orders", "shop.sales");
  Builder insert;
  insert.add("ts", Timestamp{100, 9})
      .add("v", int64_t{2})
      .add("op", "i")
      .add("ns", "shop.sales")
      .add("o", numbered(2, 2));
  e.raw(insert.finish());
  EXPECT_EQ(ids(results_of(states, e), "shop.sales"), (Ids{1, 2}));
}

TEST(Moment, ADropTargetByFlagIsTheOneOfThatName) {
  const std::vector<State> states = {testing::state(1, "shop.a", {numbered(1, 1)}),
                                     testing::state(2, "shop.b", {numbered(2, 2)})};
  Entries e;
  e.command(1, "shop",
            Builder().add("renameCollection", "shop.a").add("to", "shop.b").add("dropTarget", true).finish());
  const auto results = results_of(states, e);
  EXPECT_EQ(names(results), Names{"shop.b"});
  EXPECT_EQ(ids(results, "shop.b"), Ids{1});
}

TEST(Moment, TwoOfOneNameAreRefused) {
  const std::vector<State> states = {testing::state(1, "shop.a"), testing::state(2, "shop.b")};
  Entries e;
  e.rename(1, "shop.a", "shop.b");
  const auto refused = testing::run(states, testing::base_of_states(states), e.all, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kInconsistent);
}

TEST(Moment, TwoOfOneUuidAreRefused) {
  const std::vector<State> states = {testing::state(1, "shop.a"), testing::state(1, "shop.b")};
  const auto refused = testing::run(states, testing::base_of_states(states), {}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kCorrupt);
  EXPECT_NE(refused.error().message().find("shop.a and shop.b"), std::string::npos);
}

TEST(Moment, TheOplogOfADumpMayBeginInsideOfWhatHadEnded) {
  collection::Manifest manifest;
  manifest.t0 = {100, 0};
  manifest.t1 = {100, 9};
  EXPECT_EQ(base_of(manifest).from, manifest.t0);
  manifest.imported_from = "the folder dump";
  EXPECT_EQ(base_of(manifest).from, manifest.t1);
}

TEST(Moment, ViewsFollowSystemViews) {
  State view = testing::state(9, "shop.seen", {}, Builder().add("viewOn", "orders").open_array("pipeline").finish());
  view.entry.type = "view";
  view.entry.uuid.clear();
  view.entry.indexes.clear();
  State gone = view;
  gone.entry.ns.collection = "gone";
  Entries e;
  Builder b;
  e.insert(5, "shop.system.views", b.add("_id", "shop.made").add("viewOn", "seen").open_array("pipeline").finish());
  e.raw(b.add("ts", Timestamp{100, 50})
            .add("v", int64_t{2})
            .add("op", "u")
            .add("ns", "shop.system.views")
            .open("o")
            .add("$v", int32_t{2})
            .open("diff")
            .open("u")
            .add("viewOn", "sales")
            .end()
            .end()
            .end()
            .open("o2")
            .add("_id", "shop.seen")
            .finish());
  e.raw(b.add("ts", Timestamp{100, 51})
            .add("v", int64_t{2})
            .add("op", "d")
            .add("ns", "shop.system.views")
            .open("o")
            .add("_id", "shop.gone")
            .finish());
  const auto results = results_of({view, gone}, e);
  EXPECT_EQ(names(results), (Names{"shop.made", "shop.seen"}));
  EXPECT_EQ(results.collections.at("shop.seen").entry.options.view().string("viewOn"), "sales");
  EXPECT_EQ(results.collections.at("shop.made").entry.type, "view");
  Entries dropped;
  dropped.drop(5, "shop.system.views");
  EXPECT_EQ(names(results_of({view, gone}, dropped)), Names{});
}

TEST(Moment, AViewThatTheBaseLacksIsNamed) {
  Entries e;
  Builder b;
  b.add("ts", Timestamp{100, 50}).add("v", int64_t{2}).add("op", "u").add("ns", "shop.system.views");
  b.open("o").add("$v", int32_t{2}).open("diff").open("u").add("viewOn", "sales").end().end().end();
  e.raw(b.open("o2").add("_id", "shop.seen").finish());
  EXPECT_EQ(results_of({}, e).account.missing, Names{"the view shop.seen is not in the base"});
}

TEST(Moment, AnUnknownCollModIsRefusedByName) {
  const std::vector<State> states = {testing::state(1, "shop.orders")};
  Entries e;
  e.command(1, "shop", Builder().add("collMod", "orders").add("shapeOfThings", int32_t{1}).finish());
  const auto refused = testing::run(states, testing::base_of_states(states), e.all, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
  EXPECT_NE(refused.error().message().find("shapeOfThings"), std::string::npos);
}

// --- documents

TEST(Moment, ADocumentMetTwiceComesOutOnce) {
  // It was deleted and inserted again while the base was read, behind where the cursor was.
  State state = testing::state(1, "shop.orders", {numbered(1, 1), numbered(2, 2), numbered(1, 5)});
  Entries e;
  e.remove(1, "shop.orders", 1);
  e.insert(1, "shop.orders", numbered(1, 5));
  Base base = testing::base_of_states({state}, false);
  base.time = e.last();
  const auto results = testing::run({state}, base, e.all, {}, 3);
  ASSERT_TRUE(results);
  expect_state(*results, {testing::state(1, "shop.orders", {numbered(1, 5), numbered(2, 2)})});
}

TEST(Moment, UpdatesAndDeletesOfWhatIsNotThereAreIgnored) {
  const std::vector<State> states = {testing::state(1, "shop.orders", {numbered(1, 1)})};
  Entries e;
  e.create(2, "shop.new");
  e.update(1, "shop.orders", 8, set_field("n", 8));
  e.remove(1, "shop.orders", 9);
  e.update(2, "shop.new", 8, set_field("n", 8));
  e.update(2, "shop.new", 8, numbered(8, 8));
  e.remove(2, "shop.new", 9);
  const auto results = results_of(states, e);
  EXPECT_EQ(ids(results, "shop.orders"), Ids{1});
  EXPECT_EQ(ids(results, "shop.new"), Ids{});
}

TEST(Moment, AnUpsertMakesWhatIsNotThere) {
  const std::vector<State> states = {testing::state(1, "shop.orders", {numbered(1, 1)})};
  Entries e;
  const auto upsert = [](int32_t id, const Document& o) {
    Builder b;
    b.add("op", "u")
        .add("ns", "shop.orders")
        .add_uuid("ui", testing::uuid_of(1))
        .add("o", o)
        .open("o2")
        .add("_id", id)
        .end();
    return b.add("b", true).finish();
  };
  e.apply_ops({upsert(1, set_field("n", 10)), upsert(2, set_field("n", 20)), upsert(3, numbered(3, 30))});
  const auto results = results_of(states, e);
  expect_state(results, {testing::state(1, "shop.orders", {numbered(1, 10), numbered(2, 20), numbered(3, 30)})});
}

TEST(Moment, NumbersThatAreEqualAreOneKey) {
  const auto with_id = [](auto id, int32_t n) { return Builder().add("_id", id).add("n", n).finish(); };
  const std::vector<State> states = {testing::state(1, "shop.orders", {with_id(3.0, 1), with_id(int64_t{4}, 1)})};
  Entries e;
  e.update(1, "shop.orders", 3, set_field("n", 2));
  e.remove(1, "shop.orders", 4);
  expect_state(results_of(states, e), {testing::state(1, "shop.orders", {with_id(3.0, 2)})});
}

TEST(Moment, AnInsertWithoutIdIsRefused) {
  const std::vector<State> states = {testing::state(1, "shop.orders")};
  Entries e;
  e.insert(1, "shop.orders", Builder().add("n", int32_t{1}).finish());
  EXPECT_EQ(testing::run(states, testing::base_of_states(states), e.all, {}).error().kind(), ErrorKind::kUnsupported);
}

// RULES 10: memory follows the documents changed, not the operations.
TEST(Moment, ManyUpdatesOfACounterAreOneRecord) {
  const std::vector<State> states = {testing::state(1, "shop.orders", {numbered(1, 0), numbered(2, 0)})};
  Options options;
  options.memory = 64u << 10;  // and nowhere to spill to
  auto moment = Moment::open(testing::base_of_states(states), options);
  ASSERT_TRUE(moment);
  for (uint32_t i = 1; i <= 20'000; ++i) {
    Builder b;
    b.add("ts", Timestamp{101, i})
        .add("v", int64_t{2})
        .add("op", "u")
        .add("ns", "shop.orders")
        .add_uuid("ui", testing::uuid_of(1));
    b.add("o", set_field("n", static_cast<int32_t>(i))).open("o2").add("_id", int32_t{1});
    ASSERT_TRUE((*moment)->take(b.finish().bytes()));
  }
  ASSERT_TRUE((*moment)->finish());
  auto merge = (*moment)->merge(0);
  Merge::Share share;
  const auto out = (*merge)->next(numbered(1, 0).bytes(), share);
  EXPECT_EQ(to_bytes(*out), to_bytes(numbered(1, 20'000).bytes()));
}

// RULES 10: without a folder to spill to, the limit is an error that says what to do.
TEST(Moment, TooManyChangesAndNoFolderAreAnErrorWithAWayOut) {
  const std::vector<State> states = {testing::state(1, "shop.orders")};
  Entries e;
  for (int32_t i = 0; i < 5000; ++i) e.insert(1, "shop.orders", numbered(i, i));
  Options options;
  options.memory = 256u << 10;
  const auto refused = testing::run(states, testing::base_of_states(states), e.all, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kInvalidInput);
  ASSERT_EQ(refused.error().hints().size(), 1u);
  EXPECT_NE(refused.error().hints()[0].find("--memory"), std::string::npos);
  EXPECT_NE(refused.error().hints()[0].find("--spill-dir"), std::string::npos);
  options.spill_folder = "/no/such/folder";
  EXPECT_EQ(Moment::open(testing::base_of_states(states), options).error().kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace varve::moment
