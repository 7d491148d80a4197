#include "repo/snapshot_path.h"

#include <gtest/gtest.h>

#include "repo/testing/small_backup.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::repo {
namespace {

using namespace testing;
using storage::FileType;

TEST(SnapshotPath, IsASnapshotAndAFolder) {
  EXPECT_EQ(split_snapshot_path("latest").folder, "");
  const auto path = split_snapshot_path("9e1d04c7:/home/anna:b");
  EXPECT_EQ(path.snapshot, "9e1d04c7");
  EXPECT_EQ(path.folder, "/home/anna:b");
}

/// Whatever moment another program's backup ends at, a snapshot that is found has all of its trees.
TEST(SnapshotPath, ABackupThatEndsMeanwhileIsFoundWholeOrNotAtAll) {
  for (const FileType type : {FileType::kSnapshot, FileType::kIndex}) {
    const auto memory = std::make_shared<storage::MemoryStorage>();
    const auto other = make_repository(memory);
    BackupOptions options;
    ASSERT_TRUE(back_up(*other, {{"dir/a", "before"}}, options));
    options.time += std::chrono::hours(1);

    const auto faulty = std::make_shared<storage::FaultStorage>(memory);
    const auto repository = *Repository::open(faulty, kPassword, Cancel());
    faulty->meanwhile(storage::Operation::kList, type, [&] {
      ASSERT_TRUE(back_up(*other, {{"dir/a", "after"}}, options));
    });
    const auto found = find_snapshot_trees(*repository, {"latest", "latest:/dir"}, {}, Cancel());
    ASSERT_TRUE(found) << found.error().message();
    for (const auto& one : *found) EXPECT_TRUE(repository->load_tree(one.tree, Cancel()));
    EXPECT_TRUE(read_back(*repository, found->front().snapshot.id));
    EXPECT_EQ(repository->snapshots(Cancel())->size(), 2u) << "the other one has ended";
  }
}

TEST(SnapshotPath, AFolderThatIsNotThereIsNotFoundAndOneThatIsLostIsDamage) {
  const auto memory = std::make_shared<storage::MemoryStorage>();
  const auto repository = make_repository(memory);
  ASSERT_TRUE(back_up(*repository, {{"dir/sub/a", "a"}}));
  const auto find = [&](const std::string& name) { return find_snapshot_tree(*repository, name, {}, Cancel()); };
  ASSERT_TRUE(find("latest:dir/sub"));
  EXPECT_EQ(find("latest:dir/other").error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(find("latest:dir/sub/a").error().kind(), ErrorKind::kNotFound);

  const auto sub = find_node(*repository, find("latest")->tree, "dir", Cancel());
  repository->index().drop_pack(repository->index().find(BlobType::kTree, *sub->subtree).at(0).pack);
  EXPECT_EQ(find_node(*repository, *sub->subtree, "sub", Cancel()).error().kind(), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace varve::repo
