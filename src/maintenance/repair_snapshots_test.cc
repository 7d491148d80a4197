#include "maintenance/repair_snapshots.h"

#include "codec/sha256.h"
#include "maintenance/raw_node.h"
#include "maintenance/repair_index.h"
#include "maintenance/testing/damaged_repository.h"
#include "maintenance/testing/garbage.h"
#include "repo/testing/power_cuts.h"

namespace varve::maintenance {
namespace {

using namespace testing;
using repo::BlobType;
using Outcome = RepairedSnapshot::Outcome;
using Kind = SnapshotChange::Kind;

Result<std::vector<RepairedSnapshot>> repair_in(repo::Repository& repository, const RepairSnapshotsOptions& options) {
  SilentReporter reporter;
  TRY_ASSIGN(const auto files, repo::read_snapshot_files(repository, Cancel()));
  return repair_snapshots(repository, files, options, reporter, Cancel());
}

class RepairSnapshots : public DamagedRepository {
 protected:
  std::vector<RepairedSnapshot> repair(const RepairSnapshotsOptions& options = {}) {
    auto result = repair_in(*reopen(), options);
    EXPECT_TRUE(result) << result.error().message();
    return result ? std::move(*result) : std::vector<RepairedSnapshot>();
  }
  /// The index no longer knows a blob, as if its pack had been lost.
  void forget_blob(const Id& id) {
    auto packs = indexed();
    for (auto& pack : packs) std::erase_if(pack.blobs, [&](const auto& blob) { return blob.id == id; });
    lie(packs);
  }
  repo::Snapshot load(const Id& id) { return *repository_->find_snapshot(id.hex(), {}, Cancel()); }
  Id save_blob(BlobType type, std::string_view content) {
    repo::Writer writer(*repository_, {}, Cancel());
    EXPECT_TRUE(writer.save(type, to_bytes(as_bytes(content)), [](const Id&) {}));
    EXPECT_TRUE(writer.finish());
    return codec::sha256(as_bytes(content));
  }
  Id save_snapshot(const Id& tree) {
    repo::Snapshot snapshot;
    snapshot.time = system_clock().now();
    snapshot.tree = tree;
    return *repository_->save_snapshot(snapshot, Cancel());
  }
  std::string tree_json(const Id& tree) {
    return std::string(as_text(*reopen()->load_blob(BlobType::kTree, tree, Cancel())));
  }

  const Id bad_blob_ = codec::sha256(as_bytes(users_.substr(10'000, 10'000)));
};

TEST_F(RepairSnapshots, LeavesSoundOnesAlone) {
  faulty_->forget_calls();
  const auto result = repair();
  ASSERT_EQ(result.size(), 1u);
  EXPECT_EQ(result[0].outcome, Outcome::kSound);
  for (const auto& call : faulty_->calls()) EXPECT_FALSE(is_write(call.operation));
}

TEST_F(RepairSnapshots, AFileKeepsWhatThereIsOfIt) {
  forget_blob(bad_blob_);
  const auto result = repair();
  ASSERT_EQ(result.at(0).outcome, Outcome::kRepaired);
  ASSERT_EQ(result[0].changes.size(), 1u);
  EXPECT_EQ(result[0].changes[0].path, "/dump/shop/users.bson");
  EXPECT_EQ(result[0].changes[0].blobs, 3u);
  EXPECT_EQ(result[0].changes[0].lost, 1u);

  Files expected = files_;
  expected["dump/shop/users.bson"] = users_.substr(0, 10'000) + users_.substr(20'000);
  EXPECT_EQ(content(*result[0].new_id), expected);
  const auto repaired = load(*result[0].new_id);
  EXPECT_EQ(repaired.original, snapshot_);
  EXPECT_TRUE(repaired.has_tag("repaired"));
  EXPECT_EQ(repaired.time, load(snapshot_).time);
  EXPECT_EQ(list(FileType::kSnapshot).size(), 2u);
}

TEST_F(RepairSnapshots, ForgetPutsItInThePlaceOfTheBrokenOne) {
  forget_blob(bad_blob_);
  EXPECT_EQ(repair({.forget = true, .dry_run = true}).at(0).new_id, std::nullopt);
  EXPECT_EQ(only(FileType::kSnapshot), snapshot_);
  const auto result = repair({.forget = true});
  EXPECT_EQ(only(FileType::kSnapshot), *result.at(0).new_id);
  EXPECT_FALSE(load(*result[0].new_id).has_tag("repaired"));
  EXPECT_EQ(damage().find("is in no index"), std::string::npos);
  EXPECT_EQ(repair().at(0).outcome, Outcome::kSound);
}

TEST_F(RepairSnapshots, AFolderThatCannotBeReadIsEmptyAfterwards) {
  const auto folder = repo::find_node(*reopen(), load(snapshot_).tree, "dump/shop", Cancel());
  forget_blob(*folder->subtree);
  const auto result = repair();
  ASSERT_EQ(result.at(0).outcome, Outcome::kRepaired);
  EXPECT_EQ(result[0].changes.at(0).kind, Kind::kEmptied);
  EXPECT_EQ(result[0].changes.at(0).path, "/dump/shop");
  EXPECT_EQ(content(*result[0].new_id), Files());
  EXPECT_TRUE(repo::find_node(*reopen(), load(*result[0].new_id).tree, "dump/shop", Cancel()));
}

TEST_F(RepairSnapshots, WithoutARootOnlyForgetRemovesIt) {
  forget_blob(load(snapshot_).tree);
  EXPECT_EQ(repair().at(0).outcome, Outcome::kIrreparable);
  EXPECT_EQ(list(FileType::kSnapshot).size(), 1u);
  EXPECT_EQ(repair({.forget = true}).at(0).outcome, Outcome::kRemoved);
  EXPECT_TRUE(list(FileType::kSnapshot).empty());
}

TEST_F(RepairSnapshots, AnUnreadableFileGoesOnlyWhenItIsNamed) {
  ASSERT_TRUE(faulty_->corrupt({FileType::kSnapshot, snapshot_}, 40));
  EXPECT_EQ(repair({.forget = true}).at(0).outcome, Outcome::kIrreparable);
  EXPECT_EQ(list(FileType::kSnapshot).size(), 1u);
  EXPECT_EQ(repair({.forget = true, .named = true}).at(0).outcome, Outcome::kRemoved);
  EXPECT_TRUE(list(FileType::kSnapshot).empty());
}

TEST_F(RepairSnapshots, KeepsToTheByteWhatIsSound) {
  const std::string blob = "hello";
  const Id data = save_blob(BlobType::kData, blob);
  const std::string good =
      R"({"name":"a","type":"file","mode":420,"mtime":"2026-01-02T03:04:05.6+02:00","atime":"1066-10-14T09:00:00Z",)"
      R"("ctime":"2026-01-02T03:04:05Z","uid":0,"gid":0,"size":5,"links":1,"content":[")" +
      data.hex() + R"("],"later":{"x":[1, 2]}})";
  const std::string bad =
      R"({"name":"b","type":"file","mtime":"2026-01-02T03:04:05+02:00","uid":0,"gid":0,"size":9,"links":2,"content":[")" +
      Id{}.hex() + R"("]})";
  const std::string fixed =
      R"({"name":"b","type":"file","mtime":"2026-01-02T03:04:05+02:00","uid":0,"gid":0,"links":2,"content":[]})";
  const std::string wrong_size =
      R"({"name":"c","type":"file","mtime":"2026-01-02T03:04:05+02:00","uid":0,"gid":0,"links":2,"content":[")" +
      data.hex() + R"("]})";
  const std::string right_size =
      R"({"name":"c","type":"file","mtime":"2026-01-02T03:04:05+02:00","uid":0,"gid":0,"size":5,"links":2,"content":[")" +
      data.hex() + R"("]})";
  const std::string no_tree = R"({"name":"d","type":"dir","uid":0,"gid":0,"content":null})";
  const std::string empty_tree = R"({"name":"d","type":"dir","uid":0,"gid":0,"content":null,"subtree":")" +
                                 codec::sha256(as_bytes(join_tree({}))).hex() + R"("})";
  const std::string nonsense = R"({"name":"../e","type":"file","content":[]})";
  const std::string unknown = R"({"name":"f","type":"irregular","content":null})";
  const std::string no_number = R"({"name":"g","type":"file","uid":"root","content":[]})";
  const Id sound = save_snapshot(save_blob(BlobType::kTree, join_tree({good})));
  const Id broken = save_snapshot(
      save_blob(BlobType::kTree, join_tree({good, bad, wrong_size, no_tree, nonsense, unknown, no_number, "7"})));
  for (const auto& snapshot : repair()) {
    EXPECT_EQ(snapshot.outcome, snapshot.id == broken ? Outcome::kRepaired : Outcome::kSound);
    if (snapshot.id == sound) EXPECT_TRUE(snapshot.changes.empty());
    if (snapshot.id != broken) continue;
    EXPECT_EQ(tree_json(load(*snapshot.new_id).tree), join_tree({good, fixed, right_size, empty_tree}));
    EXPECT_EQ(snapshot.changes.size(), 7u);
  }
}

TEST_F(RepairSnapshots, RepairsWhatSnapshotsShareOnce) {
  const Id again = store(files_);
  forget_blob(bad_blob_);
  const auto result = repair();
  ASSERT_EQ(result.size(), 2u);
  for (const auto& snapshot : result) {
    EXPECT_EQ(snapshot.outcome, Outcome::kRepaired);
    EXPECT_EQ(load(*snapshot.new_id).tree, load(*result[0].new_id).tree);
  }
  EXPECT_TRUE(result[0].id == again || result[1].id == again);
}

TEST_F(RepairSnapshots, FoldersMayBeNestedAsDeeplyAsTheyLike) {
  const std::string bad = R"({"name":"x","type":"file","uid":0,"gid":0,"size":9,"content":[")" + Id{}.hex() + R"("]})";
  Id tree;
  {
    repo::Writer writer(*repository_, {}, Cancel());
    std::string json = join_tree({bad});
    for (int depth = 0; depth <= 2000; ++depth) {
      tree = codec::sha256(as_bytes(json));
      ASSERT_TRUE(writer.save(BlobType::kTree, to_bytes(as_bytes(json)), [](const Id&) {}));
      json =
          join_tree({R"({"name":"d","type":"dir","uid":0,"gid":0,"content":null,"subtree":")" + tree.hex() + R"("})"});
    }
    ASSERT_TRUE(writer.finish());
  }
  const Id deep = save_snapshot(tree);
  for (const auto& snapshot : repair()) {
    if (snapshot.id == deep) EXPECT_EQ(snapshot.changes.at(0).path.size(), 2 * 2000u + 2);
  }
  EXPECT_NE(damage(), "");
}

TEST_F(RepairSnapshots, SurvivesPowerCuts) {
  const Id sound = store({{"dump/shop/more.bson", sample_noise(5'000, 3)}});
  forget_blob(bad_blob_);
  for (const bool forget : {false, true}) {
    PowerCutTest test;
    test.damaged = true;
    test.operation = [&](const auto& storage) -> Status {
      TRY_ASSIGN(const auto repository, open_repository(storage));
      TRY(repair_in(*repository, {.forget = forget}));
      return {};
    };
    test.after = [&](const auto& storage) {
      const auto repository = open_repository(storage);
      ASSERT_TRUE(repository) << repository.error().message();
      // The broken one or its successor is there, and after one more run the successor for certain.
      ASSERT_TRUE(repair_in(**repository, {.forget = forget}));
      const auto snapshots = (*repository)->snapshots(Cancel());
      ASSERT_TRUE(snapshots);
      bool found = false;
      for (const auto& snapshot : *snapshots) {
        if (snapshot.original == snapshot_) {
          found = true;
          EXPECT_EQ(read_back(**repository, snapshot.id)->at("dump/shop/orders.bson"),
                    files_.at("dump/shop/orders.bson"));
        }
        if (forget) EXPECT_NE(snapshot.id, snapshot_);
      }
      EXPECT_TRUE(found);
      EXPECT_TRUE(read_back(**repository, sound));
      if (!forget) return;  // the broken one is there still, and is in a prune's way
      SilentReporter reporter;
      ASSERT_TRUE(repair_index(**open_repository(storage), {}, reporter, Cancel()));
      testing::expect_prune_leaves_no_garbage(storage);
    };
    EXPECT_GE(survive_power_cuts(*memory_, test), forget ? 8u : 6u);
  }
}

}  // namespace
}  // namespace varve::maintenance
