#include "maintenance/tag.h"

#include <gtest/gtest.h>

#include "repo/testing/power_cuts.h"
#include "storage/fault.h"

namespace varve::maintenance {
namespace {

using namespace repo::testing;
using Tags = std::vector<std::string>;

TEST(Tags, AreAddedRemovedAndSet) {
  const Tags before = {"a", "b"};
  EXPECT_EQ(changed_tags(before, {{}, {"c", "a"}, {}}), (Tags{"a", "b", "c"}));
  EXPECT_EQ(changed_tags(before, {{}, {}, {"a", "x"}}), (Tags{"b"}));
  EXPECT_EQ(changed_tags(before, {{}, {"c"}, {"b", "c"}}), (Tags{"a"}));  // added first, as restic does
  EXPECT_EQ(changed_tags(before, {Tags{"x"}, {}, {}}), (Tags{"x"}));
  EXPECT_EQ(changed_tags(before, {Tags{}, {}, {}}), Tags{});
}

class TagTest : public ::testing::Test {
 protected:
  /// A snapshot with every field that restic writes, times in another zone.
  repo::Snapshot full_snapshot() {
    const auto tree = repository_->find_snapshot(backup_.hex(), {}, Cancel())->tree.hex();
    const std::string json =
        R"({"time":"2026-11-21T11:15:02.5+01:00","parent":")" + backup_.hex() + R"(","tree":")" + tree +
        R"(","paths":["/b","/a"],"hostname":"h","username":"u","uid":7,"gid":8,"excludes":["*.o"],"tags":["t"],)"
        R"("program_version":"restic 0.19.0","summary":{"backup_start":"2026-11-21T11:15:02.5+01:00",)"
        R"("backup_end":"2026-11-21T11:15:03.25+01:00","files_new":1,"files_changed":2,"files_unmodified":3,)"
        R"("dirs_new":4,"dirs_changed":5,"dirs_unmodified":6,"data_blobs":7,"tree_blobs":8,"data_added":9,)"
        R"("data_added_packed":10,"total_files_processed":11,"total_bytes_processed":12}})";
    const Id id = *repository_->save_file(storage::FileType::kSnapshot, json, Cancel());
    return *repository_->find_snapshot(id.hex(), {}, Cancel());
  }

  std::shared_ptr<storage::MemoryStorage> storage_ = std::make_shared<storage::MemoryStorage>();
  std::unique_ptr<repo::Repository> repository_ = make_repository(storage_);
  const Id backup_ = *back_up(*repository_, {{"a", "b"}});
};

TEST_F(TagTest, NothingElseOfTheSnapshotChanges) {
  const auto before = full_snapshot();
  auto json = *repository_->load_file(storage::FileType::kSnapshot, before.id, Cancel());
  const auto id = change_tags(*repository_, before, {{}, {"new"}, {}}, Cancel());
  ASSERT_TRUE(id && *id);
  json.replace(json.find(R"(["t"])"), 5, R"(["t","new"],"original":")" + before.id.hex() + "\"");
  EXPECT_EQ(*repository_->load_file(storage::FileType::kSnapshot, **id, Cancel()), json);
  EXPECT_FALSE(repository_->find_snapshot(before.id.hex(), {}, Cancel()));

  const auto after = *repository_->find_snapshot((*id)->hex(), {}, Cancel());
  const auto third = change_tags(*repository_, after, {Tags{}, {}, {}}, Cancel());
  ASSERT_TRUE(third && *third);
  const auto last = *repository_->find_snapshot((*third)->hex(), {}, Cancel());
  EXPECT_EQ(last.original, before.id);  // the first id stays
  EXPECT_TRUE(last.tags.empty());
}

TEST_F(TagTest, NothingIsWrittenWhereNothingChanges) {
  const auto before = full_snapshot();
  const auto id = change_tags(*repository_, before, {{}, {"t"}, {"x"}}, Cancel());
  ASSERT_TRUE(id);
  EXPECT_FALSE(*id);
  EXPECT_TRUE(repository_->find_snapshot(before.id.hex(), {}, Cancel()));
}

TEST_F(TagTest, APowerCutLeavesTheOldOrTheNew) {
  const auto tag_all = [](repo::Repository& repository) -> Status {
    TRY_ASSIGN(const auto all, repository.snapshots(Cancel()));
    for (const auto& snapshot : all) TRY(change_tags(repository, snapshot, {{}, {"new"}, {}}, Cancel()));
    return {};
  };
  full_snapshot();
  PowerCutTest test;
  test.operation = [&](const auto& storage) -> Status {
    TRY_ASSIGN(const auto repository, open_repository(storage));
    return tag_all(*repository);
  };
  test.after = [&](const auto& storage) {
    const auto repository = *open_repository(storage);
    ASSERT_TRUE(tag_all(*repository));
    const auto after = *repository->snapshots(Cancel());
    for (const auto& snapshot : after) EXPECT_TRUE(snapshot.has_tag("new"));
  };
  EXPECT_EQ(survive_power_cuts(*storage_, test), 8u);
}

TEST_F(TagTest, AnOldSnapshotThatCannotBeRemovedIsNamed) {
  const auto fault = std::make_shared<storage::FaultStorage>(storage_);
  const auto repository = *open_repository(fault);
  fault->fail_call(storage::Operation::kRemove, 1, Error(ErrorKind::kDenied, "no"));
  const auto before = *repository->find_snapshot(backup_.hex(), {}, Cancel());
  const auto id = change_tags(*repository, before, {{}, {"new"}, {}}, Cancel());
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().kind(), ErrorKind::kDenied);
  EXPECT_NE(id.error().message().find(backup_.short_hex()), std::string::npos);
}

TEST_F(TagTest, TheOldOneStaysIfTheNewOneCannotBeReadBack) {
  const auto fault = std::make_shared<storage::FaultStorage>(storage_);
  const auto repository = *open_repository(fault);
  const auto before = *repository->find_snapshot(backup_.hex(), {}, Cancel());
  fault->spoil_puts(storage::FileType::kSnapshot);
  const auto id = change_tags(*repository, before, {{}, {"new"}, {}}, Cancel());
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().kind(), ErrorKind::kCorrupt);
  EXPECT_NE(id.error().message().find("the old one stays"), std::string::npos) << id.error().message();
  const auto left = repository->snapshots(Cancel());
  ASSERT_TRUE(left) << left.error().message();
  ASSERT_EQ(left->size(), 1u);
  EXPECT_EQ(left->at(0).id, backup_);
}

}  // namespace
}  // namespace varve::maintenance
