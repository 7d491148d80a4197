#include "repo/select_snapshots.h"

#include <gtest/gtest.h>

#include "repo/snapshot_files.h"
#include "repo/testing/small_backup.h"
#include "repo/unpacked.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::repo {
namespace {

using namespace testing;

class SelectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BackupOptions options;
    for (const char* host : {"a", "b", "a"}) {
      options.host = host;
      ids_.push_back(*back_up(*repository_, {{"f", std::to_string(ids_.size())}}, options));
      options.time += std::chrono::hours(1);
    }
  }
  std::vector<Id> select(const std::vector<std::string>& names, const SnapshotFilter& filter = {}) {
    const auto selected = select_snapshots(*repository_, names, filter, Cancel());
    EXPECT_TRUE(selected) << selected.error().message();
    std::vector<Id> ids;
    if (selected) {
      for (const auto& snapshot : *selected) ids.push_back(snapshot.id);
    }
    return ids;
  }
  ErrorKind failure(const std::vector<std::string>& names, const SnapshotFilter& filter = {}) {
    const auto selected = select_snapshots(*repository_, names, filter, Cancel());
    return selected ? ErrorKind::kInternal : selected.error().kind();
  }

  const SnapshotFilter host_a_{{"a"}, {}, {}}, host_b_{{"b"}, {}, {}}, host_x_{{"x"}, {}, {}};
  std::unique_ptr<Repository> repository_ = make_repository(std::make_shared<storage::MemoryStorage>());
  std::vector<Id> ids_;
};

TEST_F(SelectTest, WithoutNamesTheFilterDecides) {
  EXPECT_EQ(select({}), ids_);
  EXPECT_EQ(select({}, host_a_), (std::vector<Id>{ids_[0], ids_[2]}));
  EXPECT_TRUE(select({}, host_x_).empty());
}

TEST_F(SelectTest, NamesAreTakenInTheirOrderAndOnce) {
  EXPECT_EQ(select({ids_[1].hex(), "latest", ids_[1].short_hex(), ids_[2].hex()}), (std::vector<Id>{ids_[1], ids_[2]}));
  EXPECT_EQ(select({"latest"}, host_b_), (std::vector<Id>{ids_[1]}));
}

TEST_F(SelectTest, WhatMeansNoSnapshotOrNothingIsAnError) {
  EXPECT_EQ(failure({std::string(64, '0')}), ErrorKind::kNotFound);
  EXPECT_EQ(failure({"latest"}, host_x_), ErrorKind::kNotFound);
  EXPECT_EQ(failure({"word"}), ErrorKind::kInvalidInput);
  EXPECT_EQ(failure({ids_[0].hex()}, host_a_), ErrorKind::kInvalidInput);
}

TEST_F(SelectTest, NamesMeanTheSameToThoseWhoLookForDamage) {
  const auto all = *read_snapshot_files(*repository_, Cancel());
  const auto find = [&](const std::vector<std::string>& names, const SnapshotFilter& filter = {}) {
    std::vector<Id> ids;
    const auto chosen = select_snapshot_files(all, names, filter);
    EXPECT_TRUE(chosen) << chosen.error().message();
    for (const auto& file : *chosen) ids.push_back(file.id);
    return ids;
  };
  std::string upper = ids_[1].hex();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  const std::pair<std::vector<std::string>, SnapshotFilter> words[] = {
      {{}, {}},         {{}, host_a_},        {{upper}, {}}, {{upper.substr(0, 12), ids_[1].short_hex()}, {}},
      {{"latest"}, {}}, {{"latest"}, host_b_}};
  for (const auto& [names, filter] : words) EXPECT_EQ(find(names, filter), select(names, filter));
  for (const std::string& name : {std::string(64, '0'), std::string("word"), std::string()}) {
    EXPECT_EQ(select_snapshot_files(all, {name}, {}).error().kind(), failure({name}));
  }
  EXPECT_EQ(select_snapshot_files(all, {upper}, host_a_).error().kind(), failure({upper}, host_a_));
}

TEST_F(SelectTest, OneThatCannotBeReadHidesOnlyWhatItMayBe) {
  const auto memory = std::make_shared<storage::MemoryStorage>();
  const auto repository = make_repository(memory);
  const Id good = *back_up(*repository, {{"f", "1"}});
  const Id bad = *back_up(*repository, {{"f", "2"}}, {.host = "other"});
  ASSERT_TRUE(storage::FaultStorage(memory).corrupt({storage::FileType::kSnapshot, bad}, 20));
  EXPECT_EQ(select_snapshots(*repository, {good.hex()}, {}, Cancel())->at(0).id, good);
  EXPECT_EQ(repository->find_snapshot(good.short_hex(), {}, Cancel())->id, good);
  for (const std::vector<std::string>& names : {std::vector<std::string>(), {"latest"}, {bad.hex()}}) {
    EXPECT_EQ(select_snapshots(*repository, names, {}, Cancel()).error().kind(), ErrorKind::kCorrupt);
  }
  EXPECT_EQ(repository->find_snapshot("latest", {}, Cancel()).error().kind(), ErrorKind::kCorrupt);
  const auto all = *read_snapshot_files(*repository, Cancel());
  EXPECT_EQ(find_snapshot_file(all, "latest", {})->id, good);
  EXPECT_EQ(select_snapshot_files(all, {}, {})->size(), 2u);
}

TEST_F(SelectTest, FilesAreFoundByTheBeginningOfTheirIds) {
  const auto find = [&](std::string_view prefix) {
    return find_file(repository_->storage(), storage::FileType::kSnapshot, prefix, Cancel());
  };
  EXPECT_EQ(*find(ids_[0].hex()), ids_[0]);
  EXPECT_EQ(*find(ids_[1].hex().substr(0, 12)), ids_[1]);
  EXPECT_EQ(find("").error().kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(find("xyz").error().kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(find(std::string(64, '0')).error().kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace varve::repo
