#include "maintenance/rewrite.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "codec/sha256.h"
#include "repo/testing/power_cuts.h"
#include "storage/fault.h"

namespace varve::maintenance {
namespace {

using namespace repo::testing;
using repo::BlobType;
using repo::Repository;
using storage::FaultStorage;
using storage::FileType;
using Kind = RewriteOutcome::Kind;

IsLeftOut named(std::vector<std::string> paths) {
  return [paths = std::move(paths)](const std::string& path) { return std::ranges::find(paths, path) != paths.end(); };
}

std::vector<repo::Snapshot> all_of(Repository& repository) {
  return *repository.snapshots(Cancel());
}

class RewriteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    first_ = *back_up(*repository_, {{"keep/a", "a"}, {"keep/b", "bb"}, {"dir/secret", "s"}, {"dir/sub/c", "ccc"}});
  }

  Result<std::vector<RewriteOutcome>> try_all(Repository& repository, const RewriteOptions& options) {
    SilentReporter silent;
    TRY_ASSIGN(const auto all, repository.snapshots(Cancel()));
    return rewrite(repository, all, options, {}, silent, Cancel());
  }
  std::vector<RewriteOutcome> run(const RewriteOptions& options) {
    auto outcomes = try_all(*repository_, options);
    EXPECT_TRUE(outcomes) << outcomes.error().message();
    return outcomes ? std::move(*outcomes) : std::vector<RewriteOutcome>{};
  }
  repo::Snapshot snapshot(const Id& id) { return *repository_->find_snapshot(id.hex(), {}, Cancel()); }
  Id subtree(const Id& tree, const std::string& path) {
    return *repo::find_node(*repository_, tree, path, Cancel())->subtree;
  }
  /// A snapshot of trees given as texts, the last one its root.
  Id save_trees(const std::vector<std::string>& trees) {
    repo::Writer writer(*repository_, {}, Cancel());
    for (const auto& tree : trees) {
      EXPECT_TRUE(writer.save(BlobType::kTree, to_bytes(as_bytes(tree)), [](const Id&) {}));
    }
    EXPECT_TRUE(writer.finish());
    repo::Snapshot made;
    made.time = BackupOptions{}.time;
    made.paths = {"/"};
    made.tree = codec::sha256(as_bytes(trees.back()));
    return *repository_->save_snapshot(made, Cancel());
  }
  void remove(const Id& id) { ASSERT_TRUE(storage_->remove({FileType::kSnapshot, id}, Cancel())); }
  void damage(BlobType type, const Id& id) {
    const auto at = repository_->index().find(type, id).at(0);
    ASSERT_TRUE(storage_->corrupt({FileType::kPack, at.pack}, at.offset + 20));
  }

  std::shared_ptr<FaultStorage> storage_ = std::make_shared<FaultStorage>(std::make_shared<storage::MemoryStorage>());
  std::unique_ptr<Repository> repository_ = make_repository(storage_);
  Id first_;
};

TEST_F(RewriteTest, WhatIsLeftOutIsGoneAndTheRestIsTheSame) {
  RewriteOptions options;
  options.is_left_out = named({"/dir/secret"});
  const auto outcomes = run(options);
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].kind, Kind::kRewritten);
  EXPECT_EQ(outcomes[0].left_out, 1u);
  EXPECT_EQ(*read_back(*repository_, outcomes[0].after),
            (Files{{"dir/sub/c", "ccc"}, {"keep/a", "a"}, {"keep/b", "bb"}}));

  const auto before = snapshot(first_), after = snapshot(outcomes[0].after);
  EXPECT_EQ(subtree(before.tree, "keep"), subtree(after.tree, "keep"));
  EXPECT_EQ(subtree(before.tree, "dir/sub"), subtree(after.tree, "dir/sub"));
  EXPECT_EQ(after.original, first_);
  EXPECT_TRUE(after.has_tag("rewrite"));
  EXPECT_FALSE(before.has_tag("rewrite"));
  ASSERT_TRUE(after.summary);
  EXPECT_EQ(after.summary->total_files_processed, 3u);
  EXPECT_EQ(after.summary->total_bytes_processed, 6u);
}

TEST_F(RewriteTest, AFolderIsLeftOutWithAllBelowAndNeedNotBeReadable) {
  damage(BlobType::kTree, subtree(snapshot(first_).tree, "dir"));
  RewriteOptions options;
  options.is_left_out = named({"/dir"});
  options.forget = true;
  const auto outcomes = run(options);
  ASSERT_EQ(outcomes.at(0).kind, Kind::kRewritten);
  EXPECT_EQ(*read_back(*repository_, outcomes[0].after), (Files{{"keep/a", "a"}, {"keep/b", "bb"}}));
  EXPECT_FALSE(repository_->find_snapshot(first_.hex(), {}, Cancel()));
  EXPECT_FALSE(snapshot(outcomes[0].after).has_tag("rewrite"));
}

TEST_F(RewriteTest, ADamagedFolderThatStaysKeepsItsSnapshotAsItIs) {
  const Id second = *back_up(*repository_, {{"x", "x"}, {"dir/secret", "s"}}, {.host = "other"});
  damage(BlobType::kTree, subtree(snapshot(first_).tree, "keep"));
  RewriteOptions options;
  options.is_left_out = named({"/dir/secret"});
  options.forget = true;
  for (const auto& outcome : run(options)) {
    EXPECT_EQ(outcome.kind, outcome.before == second ? Kind::kRewritten : Kind::kFailed) << outcome.why;
  }
  EXPECT_TRUE(repository_->find_snapshot(first_.hex(), {}, Cancel()));
  EXPECT_FALSE(repository_->find_snapshot(second.hex(), {}, Cancel()));
}

TEST_F(RewriteTest, EntriesKeepEveryByteThatTheyWereWrittenWith) {
  remove(first_);
  const std::string below = R"({"nodes":[]})"
                            "\n";
  const auto folder = [](const std::string& name, const std::string& subtree) {
    return R"({"name":")" + name + R"(","type":"dir","mode":2147484141,"mtime":"2026-07-01T10:00:00.5+02:00",)" +
           R"("atime":"2026-07-01T10:00:00.5+02:00","ctime":"2026-11-01T10:00:00+01:00","uid":0,"gid":0,)" +
           R"("generic_attributes":{"windows.file_attributes":[1, 2]},"later":{"subtree":"x"},"content":null,)" +
           R"("subtree":")" + subtree + R"("})";
  };
  const std::string file =
      R"({"name":"f","type":"file","mode":420,"mtime":"0001-01-01T00:00:00Z","atime":"0001-01-01T00:00:00Z",)"
      R"("ctime":"9999-12-31T23:59:59Z","uid":0,"gid":0,"error":"\u003cnone\u003e","content":[]})";
  const std::string inner = R"({"nodes":[)" + folder("e", codec::sha256(as_bytes(below)).hex()) + "," + file + "]}\n";
  const std::string root = R"({"nodes":[)" + folder("d", codec::sha256(as_bytes(inner)).hex()) + "]}\n";
  save_trees({below, inner, root});
  RewriteOptions options;
  options.is_left_out = named({"/d/f"});
  const auto outcomes = run(options);
  ASSERT_EQ(outcomes.at(0).kind, Kind::kRewritten) << outcomes[0].why;
  const std::string new_inner = R"({"nodes":[)" + folder("e", codec::sha256(as_bytes(below)).hex()) + "]}\n";
  const std::string new_root = R"({"nodes":[)" + folder("d", codec::sha256(as_bytes(new_inner)).hex()) + "]}\n";
  EXPECT_EQ(as_text(*repository_->load_blob(BlobType::kTree, outcomes[0].tree, Cancel())), new_root);
}

TEST_F(RewriteTest, ATreeThatSaysMoreThanItsEntriesIsNotRewritten) {
  remove(first_);
  save_trees({R"({"nodes":[],"more":1})"
              "\n"});
  RewriteOptions options;
  options.is_left_out = named({"/x"});
  const auto outcomes = run(options);
  EXPECT_EQ(outcomes.at(0).kind, Kind::kFailed);
  EXPECT_NE(outcomes[0].why.find("folder /"), std::string::npos);
}

TEST_F(RewriteTest, HostAndTimeAreReplaced) {
  RewriteOptions options;
  options.new_host = "new";
  options.new_time = *parse_rfc3339("2020-02-02T02:02:02Z");
  const auto after = snapshot(run(options).at(0).after);
  EXPECT_EQ(after.hostname, "new");
  EXPECT_EQ(after.time, *options.new_time);
  EXPECT_EQ(after.tree, snapshot(first_).tree);
  EXPECT_FALSE(after.summary);  // nobody counted
}

TEST_F(RewriteTest, ASummaryIsMadeOnceAndKeepsWhatElseItSaid) {
  RewriteOptions options;
  options.summarise = options.forget = true;
  auto made = snapshot(run(options).at(0).after);
  EXPECT_EQ(made.summary->total_files_processed, 4u);
  EXPECT_EQ(made.summary->total_bytes_processed, 7u);
  EXPECT_EQ(run(options).at(0).kind, Kind::kUnchanged);

  made.summary->files_new = 17;
  remove(made.id);
  ASSERT_TRUE(repository_->save_snapshot(made, Cancel()));
  options.is_left_out = named({"/keep"});
  const auto after = snapshot(run(options).at(0).after);
  EXPECT_EQ(after.summary->files_new, 17u);
  EXPECT_EQ(after.summary->total_files_processed, 2u);
}

TEST_F(RewriteTest, NothingIsStoredWhereNothingChangesNorInADryRun) {
  RewriteOptions options;
  options.summarise = options.forget = true;
  run(options);
  storage_->forget_calls();
  options.is_left_out = named({"/nothing"});
  EXPECT_EQ(run(options).at(0).kind, Kind::kUnchanged);
  options.is_left_out = named({"/keep"});
  options.dry_run = true;
  const auto dry = run(options);
  EXPECT_EQ(dry.at(0).kind, Kind::kRewritten);
  EXPECT_EQ(dry[0].left_out, 1u);
  for (const auto& call : storage_->calls()) EXPECT_FALSE(storage::is_write(call.operation));
  options.dry_run = false;
  EXPECT_EQ(run(options).at(0).tree, dry[0].tree);
}

TEST_F(RewriteTest, WhereATreeStandsDecidesWhatItLoses) {
  remove(first_);
  ASSERT_TRUE(back_up(*repository_, {{"one/x", "x"}, {"two/x", "x"}}));  // the same tree twice
  RewriteOptions options;
  options.is_left_out = named({"/two/x"});
  options.forget = true;
  EXPECT_EQ(*read_back(*repository_, run(options).at(0).after), (Files{{"one/x", "x"}}));
}

TEST_F(RewriteTest, FoldersNestedWithoutEndAreRefused) {
  remove(first_);
  std::vector<std::string> trees = {"{\"nodes\":[]}\n"};
  for (int i = 0; i < 3000; ++i) {
    trees.push_back(R"({"nodes":[{"name":"d","type":"dir","content":null,"subtree":")" +
                    codec::sha256(as_bytes(trees.back())).hex() + "\"}]}\n");
  }
  save_trees(trees);
  RewriteOptions options;
  options.is_left_out = named({"/x"});
  const auto outcomes = run(options);
  EXPECT_EQ(outcomes.at(0).kind, Kind::kFailed);
  EXPECT_NE(outcomes[0].why.find("nested"), std::string::npos);
}

class RewriteCuts : public RewriteTest, public ::testing::WithParamInterface<bool> {};

TEST_P(RewriteCuts, LeaveTheOldOrTheNew) {
  const Id other = *back_up(*repository_, {{"keep/x", "x"}}, {.host = "other"});
  RewriteOptions options;
  options.is_left_out = named({"/dir/secret"});
  options.forget = GetParam();
  const auto run_one = [&](const auto& storage) -> Status {
    TRY_ASSIGN(const auto repository, open_repository(storage));
    TRY_ASSIGN(auto all, repository->snapshots(Cancel()));
    std::erase_if(all, [&](const auto& snapshot) { return snapshot.hostname == "other"; });
    SilentReporter silent;
    TRY(rewrite(*repository, all, options, {}, silent, Cancel()));
    return {};
  };
  PowerCutTest test;
  test.operation = run_one;
  test.may_vanish = [&](const repo::Snapshot& snapshot) { return snapshot.id == first_; };  // judged below
  test.after = [&](const auto& storage) {
    const auto repository = *open_repository(storage);
    const auto old = repository->find_snapshot(first_.hex(), {}, Cancel());
    size_t found = old.has_value();
    for (const auto& snapshot : all_of(*repository)) {
      if (snapshot.original != first_) continue;
      ++found;
      EXPECT_EQ(read_back(*repository, snapshot.id)->size(), 3u);
    }
    EXPECT_GE(found, 1u) << "neither the old nor the new one is there";
    if (!options.forget) ASSERT_TRUE(old);
    if (old) EXPECT_EQ(*read_back(*repository, first_), *read_back(*repository_, first_));
    EXPECT_TRUE(repository->find_snapshot(other.hex(), {}, Cancel()));
    EXPECT_TRUE(run_one(storage));
  };
  EXPECT_EQ(survive_power_cuts(*storage_, test), 2u * (GetParam() ? 4 : 3));  // pack, index, snapshot, and its removal
}

INSTANTIATE_TEST_SUITE_P(Forgetting, RewriteCuts, ::testing::Bool());

}  // namespace
}  // namespace varve::maintenance
