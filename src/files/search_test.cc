#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "files/diff.h"
#include "files/find.h"
#include "repo/testing/small_backup.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::files {
namespace {

using repo::testing::Files;
using repo::testing::sample_text;
using storage::FaultStorage;

/// Two snapshots: only `changed` and what is in `new` differ.
class Searching : public ::testing::Test {
 protected:
  void SetUp() override {
    auto repository = repo::testing::make_repository(storage_);
    Files files = {
        {"docs/a.txt", "a"}, {"docs/deep/b.txt", sample_text(9000, 1)}, {"music/c.ogg", "c"}, {"changed", "1"}};
    before_ = tree(*repository, files);
    files["changed"] = "2";
    files["new/d.txt"] = "d";
    files["new/moved"] = "c";
    files.erase("music/c.ogg");
    files["music/e.ogg"] = "e";
    after_ = tree(*repository, files);
    repository_ = *repo::testing::open_repository(storage_);
    storage_->forget_calls();
  }

  Id tree(repo::Repository& repository, const Files& files) {
    const auto id = *repo::testing::back_up(repository, files);
    return repository.find_snapshot(id.hex(), {}, Cancel())->tree;
  }

  std::set<std::string> find(NameSearch& search, const Id& tree) {
    std::set<std::string> paths;
    const auto status = search.run(
        *repository_, tree,
        [&](const Entry& entry) -> Status {
          paths.insert(entry.path);
          return {};
        },
        [&](const std::string& path, const Id&, const Error&) { unreadable_.insert(path); }, Cancel());
    EXPECT_TRUE(status) << status.error().message();
    return paths;
  }
  static NameSearch search_for(const std::string& pattern) {
    return NameSearch({.patterns = *ExcludeRules::parse({pattern}, false)});
  }

  /// Marks and paths, and the sums.
  std::pair<std::set<std::string>, DiffResult> compare(const Id& before, const Id& after) {
    std::set<std::string> changes;
    const DiffListener listener{
        [&](const std::string& marks, const std::string& path) { changes.insert(marks + path); },
        [&](const std::string& path, const Error&) { unreadable_.insert(path); }};
    auto result = diff(*repository_, before, after, {}, listener, Cancel());
    EXPECT_TRUE(result) << result.error().message();
    return {changes, *result};
  }

  size_t trees_read() const {
    const auto calls = storage_->calls();
    return static_cast<size_t>(
        std::ranges::count_if(calls, [](const auto& call) { return call.operation == storage::Operation::kGet; }));
  }

  void damage(const Id& tree, const std::string& path) {
    const auto node = repo::find_node(*repository_, tree, path, Cancel());
    const auto place = repository_->index().find(repo::BlobType::kTree, *node->subtree).front();
    ASSERT_TRUE(storage_->corrupt({storage::FileType::kPack, place.pack}, place.offset + 20));
  }

  std::shared_ptr<FaultStorage> storage_ = std::make_shared<FaultStorage>(std::make_shared<storage::MemoryStorage>());
  std::unique_ptr<repo::Repository> repository_;
  Id before_, after_;
  std::set<std::string> unreadable_;
};

TEST_F(Searching, FindsInEachSnapshotWhatItHolds) {
  auto search = search_for("*.txt");
  EXPECT_EQ(find(search, before_), (std::set<std::string>{"/docs/a.txt", "/docs/deep/b.txt"}));
  EXPECT_EQ(find(search, after_), (std::set<std::string>{"/docs/a.txt", "/docs/deep/b.txt", "/new/d.txt"}));
  EXPECT_EQ(find(search, before_), (std::set<std::string>{"/docs/a.txt", "/docs/deep/b.txt"}));
}

TEST_F(Searching, PassesOverWhatIsKnownToHoldNothing) {
  auto search = search_for("no such thing");
  EXPECT_TRUE(find(search, before_).empty());
  storage_->forget_calls();
  EXPECT_TRUE(find(search, before_).empty());
  EXPECT_EQ(trees_read(), 1u);  // the top
}

TEST_F(Searching, ADamagedTreeIsToldEachTimeAndHidesNothing) {
  damage(before_, "docs");
  auto search = search_for("*.ogg");
  EXPECT_EQ(find(search, before_), (std::set<std::string>{"/music/c.ogg"}));
  EXPECT_EQ(unreadable_, (std::set<std::string>{"/docs"}));
  unreadable_.clear();
  EXPECT_EQ(find(search, after_), (std::set<std::string>{"/music/e.ogg"}));
  EXPECT_EQ(unreadable_, (std::set<std::string>{"/docs"}));
}

TEST_F(Searching, FindsIdsByTheirBeginnings) {
  const auto node = repo::find_node(*repository_, before_, "docs/deep/b.txt", Cancel());
  const auto folder = repo::find_node(*repository_, before_, "docs", Cancel());
  IdSearch search;
  search.blobs = {node->content.front().hex().substr(0, 10)};
  search.trees = {folder->subtree->hex()};
  std::vector<std::string> hits;
  const auto found = [&](const IdSearch::Hit& hit) -> Status {
    hits.push_back(hit.path);
    return {};
  };
  for (const auto& tree : {before_, after_}) {
    ASSERT_TRUE(search.run(
        *repository_, tree, found, [](const auto&, const auto&, const auto&) {}, Cancel()));
  }
  EXPECT_EQ(hits, (std::vector<std::string>{"/docs", "/docs/deep/b.txt", "/docs", "/docs/deep/b.txt"}));
}

TEST_F(Searching, TellsChangesAndCountsBlobs) {
  const auto [changes, result] = compare(before_, after_);
  EXPECT_EQ(changes, (std::set<std::string>{"M?/changed", "+/new/", "+/new/d.txt", "+/new/moved", "-/music/c.ogg",
                                            "+/music/e.ogg"}));
  EXPECT_EQ(result.changed_files, 1u);
  EXPECT_EQ(result.added.files, 3u);
  EXPECT_EQ(result.added.folders, 1u);
  EXPECT_EQ(result.removed.files, 1u);
  EXPECT_EQ(result.added.data_blobs, 3u);    // 2, d, e
  EXPECT_EQ(result.removed.data_blobs, 1u);  // 1: c lives on under another name
  EXPECT_EQ(result.added.tree_blobs, 3u);    // the top, music, new
  EXPECT_EQ(result.removed.tree_blobs, 2u);
}

TEST_F(Searching, ComparingTheSameReadsNothing) {
  const auto [changes, result] = compare(before_, before_);
  EXPECT_TRUE(changes.empty());
  EXPECT_EQ(result.added.tree_blobs + result.removed.tree_blobs, 0u);
  EXPECT_EQ(trees_read(), 0u);
}

TEST_F(Searching, ADamagedTreeIsAnErrorOfTheComparison) {
  damage(after_, "new");
  const auto [changes, result] = compare(before_, after_);
  EXPECT_EQ(result.errors, 1u);
  EXPECT_EQ(unreadable_, (std::set<std::string>{"/new/"}));
  EXPECT_TRUE(changes.contains("+/new/"));
  EXPECT_TRUE(changes.contains("M?/changed"));
}

}  // namespace
}  // namespace varve::files
