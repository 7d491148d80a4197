#include "job/restore_state.h"

#include <gtest/gtest.h>

namespace varve::job {
namespace {

TEST(Spans, JoinWhatTouches) {
  Spans spans;
  EXPECT_TRUE(spans.cover(3, 3));
  spans.add(0, 32);
  spans.add(64, 96);
  EXPECT_FALSE(spans.cover(0, 64));
  EXPECT_FALSE(spans.cover(32, 64));
  EXPECT_TRUE(spans.cover(64, 96));
  spans.add(32, 64);
  EXPECT_EQ(spans.all(), (std::map<uint64_t, uint64_t>{{0, 96}}));
  EXPECT_TRUE(spans.cover(1, 95));
  EXPECT_FALSE(spans.cover(90, 97));
  spans.add(200, 210);
  spans.add(10, 205);
  EXPECT_EQ(spans.all(), (std::map<uint64_t, uint64_t>{{0, 210}}));
}

CollectionState half_loaded() {
  CollectionState state;
  state.name = {"shop", "or.ders"};
  state.into = {"shop", "varve.restoring.1"};
  state.there = true;
  state.uuid.assign(16, 7);
  state.blobs.add(0, 32);
  state.blobs.add(96, 128);
  state.documents = 5;
  state.too_large = {"the document with _id 1 has 17000000 bytes"};
  return state;
}

TEST(RestoreState, ComesBackAsItWasWritten) {
  const auto run = make_run("tree", "abcd", "--drop", 1'795'251'206'000);
  const auto state = half_loaded();
  const auto found = decode_state({encode_run(run)}, {encode_collection(run.id, state)});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].run.id, run.id);
  EXPECT_EQ(found[0].run.words, "--drop");
  EXPECT_EQ(found[0].run.begun, run.begun);
  const auto& again = found[0].collections.at(state.name);
  EXPECT_EQ(encode_collection(run.id, again).view().bytes().size(),
            encode_collection(run.id, state).view().bytes().size());
  EXPECT_EQ(again.into, state.into);
  EXPECT_EQ(again.uuid, state.uuid);
  EXPECT_EQ(again.blobs.all(), state.blobs.all());
  EXPECT_EQ(again.too_large, state.too_large);
  EXPECT_TRUE(again.there && !again.loaded && !again.verified && !again.merge);
}

TEST(RestoreState, OtherWordsAreAnotherRun) {
  EXPECT_NE(make_run("tree", "s", "--drop", 0).id, make_run("tree", "s", "", 0).id);
  EXPECT_NE(make_run("tree", "s", "", 0).id, make_run("other", "s", "", 0).id);
  EXPECT_EQ(make_run("tree", "s", "", 0).id, make_run("tree", "t", "", 9).id);
}

TEST(RestoreState, WhatIsNotOursCountsAsNone) {
  const auto run = make_run("tree", "s", "", 0);
  const auto spoilt = [](const RunState& of, std::string_view name, auto value) {
    const auto good = bson::without(encode_run(of), name);
    bson::Builder out;
    auto elements = good.view().elements();
    while (const auto element = elements.next()) out.add(*element);
    return out.add(name, value).finish();
  };
  EXPECT_TRUE(decode_state({spoilt(run, "format", int32_t{2})}, {}).empty());
  EXPECT_TRUE(decode_state({spoilt(run, "words", "--drop")}, {}).empty());
  EXPECT_TRUE(decode_state({bson::Document()}, {bson::Document()}).empty());

  auto elsewhere = half_loaded();
  elsewhere.into.db = "other";
  auto a_users = half_loaded();  // what it is loaded into may be dropped
  a_users.into.collection = "customers";
  const auto found =
      decode_state({encode_run(run)}, {encode_collection(run.id, elsewhere), encode_collection(run.id, a_users),
                                       encode_collection("another run", half_loaded())});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].collections.empty());
}

}  // namespace
}  // namespace varve::job
