#include "maintenance/testing/garbage.h"

#include <mutex>
#include <set>

#include <gtest/gtest.h>

#include "repo/check.h"
#include "repo/index.h"
#include "repo/testing/small_backup.h"
#include "repo/unlock.h"
#include "repo/walk_trees.h"

namespace varve::maintenance::testing {

namespace {

using Blobs = std::multiset<std::pair<repo::BlobType, Id>>;

Blobs needed_blobs(repo::Repository& repository) {
  std::set<std::pair<repo::BlobType, Id>> needed;
  std::mutex mutex;
  std::vector<Id> roots;
  const auto snapshots = *repository.snapshots(Cancel());
  for (const auto& snapshot : snapshots) roots.push_back(snapshot.tree);
  const auto visit = [&](const Id& tree, const Result<std::vector<repo::Node>>& nodes) -> Status {
    EXPECT_TRUE(nodes);
    std::lock_guard lock(mutex);
    needed.emplace(repo::BlobType::kTree, tree);
    for (const auto& node : *nodes) {
      for (const Id& id : node.content) needed.emplace(repo::BlobType::kData, id);
    }
    return {};
  };
  EXPECT_TRUE(repo::walk_trees(repository, roots, visit, Cancel()));
  return Blobs(needed.begin(), needed.end());
}

Blobs stored_blobs(const repo::Repository& repository) {
  Blobs stored;
  repository.index().for_each(
      [&](repo::BlobType type, const Id& id, const repo::BlobLocation&) { stored.emplace(type, id); });
  return stored;
}

}  // namespace

void expect_prune_leaves_no_garbage(const std::shared_ptr<storage::Storage>& storage) {
  {
    const auto repository = repo::testing::open_repository(storage);
    ASSERT_TRUE(repository) << repository.error().message();
    ASSERT_TRUE(repo::unlock(**repository, true, Cancel()));
    SilentReporter reporter;
    const PruneOptions options{.max_unused = *parse_max_unused("0")};
    const auto pruned = prune(**repository, options, reporter, Cancel());
    ASSERT_TRUE(pruned) << pruned.error().message();
    EXPECT_TRUE(pruned->left.empty());
  }
  const auto repository = repo::testing::open_repository(storage);
  ASSERT_TRUE(repository) << repository.error().message();
  EXPECT_EQ(stored_blobs(**repository), needed_blobs(**repository));
  const auto checked = repo::check(**repository, {.read_data = true}, {}, Cancel());
  ASSERT_TRUE(checked) << checked.error().message();
  for (const auto& finding : checked->findings) ADD_FAILURE() << finding.what;
}

}  // namespace varve::maintenance::testing
