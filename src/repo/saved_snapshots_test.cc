#include "repo/saved_snapshots.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "codec/sha256.h"
#include "repo/testing/two_repositories.h"

namespace varve::repo {
namespace {

using namespace testing;
using storage::FileType;
using storage::Operation;

class SavedSnapshots : public TwoRepositories {
 protected:
  SavedSnapshots() {
    what_.snapshot.time = system_clock().now();
    what_.snapshot.paths = {"/x"};
    what_.snapshot.hostname = "shop";
    what_.snapshot.summary.emplace();
    what_.parents.resize(2);
  }
  Result<std::vector<SavedSnapshot>> run(Destinations& to) {
    Writer writer(to, narrow());
    TRY(writer.save(BlobType::kTree, to_bytes(as_bytes(std::string_view("{\"nodes\":[]}\n"))),
                    [this](const Id& id) { what_.snapshot.tree = id; }));
    return save_snapshots(to, writer, what_);
  }
  SnapshotToSave what_;
  std::promise<void> saved_in_a_;
};

TEST_F(SavedSnapshots, AreTheSameButForParentAndOriginal) {
  what_.parents[1].emplace().id = codec::sha256({});
  const auto to = both();
  const auto saved = run(*to);
  ASSERT_TRUE(saved) << saved.error().message();
  EXPECT_TRUE(all_saved(*saved));
  const auto in_a = a_.repository->find_snapshot("latest", {}, Cancel());
  const auto in_b = b_.repository->find_snapshot("latest", {}, Cancel());
  EXPECT_EQ(in_a->id, saved->at(0).snapshot);
  EXPECT_EQ(in_b->id, saved->at(1).snapshot);
  EXPECT_FALSE(in_a->parent);
  EXPECT_EQ(in_b->parent, codec::sha256({}));
  const bool first_in_a = !in_a->original.has_value();
  EXPECT_EQ((first_in_a ? in_b : in_a)->original, (first_in_a ? in_a : in_b)->id);
  EXPECT_FALSE((first_in_a ? in_a : in_b)->original);
  EXPECT_EQ(in_a->tree, in_b->tree);
  EXPECT_EQ(in_a->summary->tree_blobs, 1u);
}

TEST_F(SavedSnapshots, OneThatFailsAtItHasNone) {
  const auto to = both();
  a_.faulty->fail_call(Operation::kPut, 3, Error(ErrorKind::kDenied, "no"));  // after a pack and an index
  const auto saved = run(*to);
  ASSERT_TRUE(saved) << saved.error().message();
  EXPECT_FALSE(saved->at(0).snapshot);
  EXPECT_EQ(saved->at(0).failure->kind(), ErrorKind::kDenied);
  EXPECT_EQ(first_saved(*saved).snapshot, saved->at(1).snapshot);
  EXPECT_FALSE(b_.repository->find_snapshot("latest", {}, Cancel())->original);
  EXPECT_TRUE(a_.repository->snapshots(Cancel())->empty());
}

TEST_F(SavedSnapshots, WaitForNoOtherRepository) {
  // That of a is there before b's index is stored; then the program is told to stop.
  a_.faulty->meanwhile(Operation::kPut, FileType::kSnapshot, [this] { saved_in_a_.set_value(); });
  b_.faulty->meanwhile(Operation::kPut, FileType::kPack, [this] {
    EXPECT_EQ(saved_in_a_.get_future().wait_for(std::chrono::minutes(1)), std::future_status::ready);
    stop_.request_stop();
  });
  const auto to = both();
  const auto saved = run(*to);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().kind(), ErrorKind::kCancelled);
  const auto in_a = a_.repository->find_snapshot("latest", {}, Cancel());
  ASSERT_TRUE(in_a);
  ASSERT_FALSE(saved.error().hints().empty());
  EXPECT_NE(saved.error().hints().back().find(in_a->id.short_hex()), std::string::npos);
  EXPECT_TRUE(b_.repository->snapshots(Cancel())->empty());
}

TEST_F(SavedSnapshots, AreSavedWhateverIsAskedForAfterTheLast) {
  std::atomic<int> saved_in = 0;
  for (auto* side : {&a_, &b_}) {
    side->faulty->meanwhile(Operation::kPut, FileType::kSnapshot, [&] {
      if (++saved_in == 2) stop_.request_stop();
    });
  }
  const auto to = both();
  const auto saved = run(*to);
  ASSERT_TRUE(saved) << saved.error().message();
  EXPECT_TRUE(all_saved(*saved));
}

TEST_F(SavedSnapshots, AreLeftOutWhereNothingChanged) {
  const auto to = both();
  ASSERT_TRUE(run(*to));
  what_.skip_if_unchanged = true;
  what_.parents[0] = a_.repository->find_snapshot("latest", {}, Cancel()).value();
  const auto again = both();
  const auto saved = run(*again);
  ASSERT_TRUE(saved);
  EXPECT_FALSE(saved->at(0).snapshot || saved->at(0).failure);
  EXPECT_TRUE(saved->at(1).snapshot);
  EXPECT_TRUE(all_saved(*saved));
}

}  // namespace
}  // namespace varve::repo
