#include "job/tree_builder.h"

#include <gtest/gtest.h>

#include "job/store_bytes.h"
#include "storage/memory.h"

namespace varve::job {
namespace {

constexpr repo::KeyCost kCheap{1024, 8, 1};

class TreeBuilderTest : public testing::Test {
 protected:
  TreeBuilderTest() {
    auto made = repo::Repository::init(std::make_shared<storage::MemoryStorage>(), "secret", std::nullopt, kCheap, {});
    EXPECT_TRUE(made);
    repository_ = std::move(*made);
    EXPECT_TRUE(repository_->load_index({}));
  }

  TreeBuilder::Summary snapshot(std::optional<Id> parent, Time now, const std::map<std::string, std::string>& files) {
    repo::Destinations to(*repository_, {});
    repo::Writer writer(to, {});
    TreeBuilder tree(to, parent ? std::optional(repo::ParentTree{0, *parent}) : std::nullopt, now);
    for (const auto& [path, text] : files) tree.add(path, *store_bytes(to.polynomial(), writer, as_bytes(text)));
    const auto summary = tree.write(writer, {});
    EXPECT_TRUE(summary);
    EXPECT_TRUE(writer.finish());
    return *summary;
  }

  std::unique_ptr<repo::Repository> repository_;
};

const Time kMonday = *parse_rfc3339("2026-11-16T10:00:00Z");
const Time kTuesday = *parse_rfc3339("2026-11-17T10:00:00Z");

TEST_F(TreeBuilderTest, WhatDidNotChangeKeepsItsTimesSoThatItsFolderDeduplicates) {
  const auto first = snapshot(std::nullopt, kMonday, {{"a/same", "1"}, {"b/x", "2"}, {"b/y", "3"}});
  const auto second = snapshot(first.root, kTuesday, {{"a/same", "1"}, {"b/x", "2"}, {"b/y", "changed"}});
  const auto node = [&](const Id& root, const char* path) { return *repo::find_node(*repository_, root, path, {}); };
  EXPECT_EQ(node(first.root, "a").subtree, node(second.root, "a").subtree);
  EXPECT_EQ(node(second.root, "a").mtime, kMonday);
  EXPECT_EQ(node(second.root, "b/x").mtime, kMonday);
  EXPECT_EQ(node(second.root, "b/y").mtime, kTuesday);
  EXPECT_EQ(node(second.root, "b").mtime, kTuesday);
  EXPECT_EQ(second.files_unmodified, 2u);
  EXPECT_EQ(second.files_changed, 1u);
  EXPECT_EQ(second.dirs_unmodified, 1u);
}

TEST_F(TreeBuilderTest, AnUnchangedSnapshotHasTheSameRoot) {
  const auto first = snapshot(std::nullopt, kMonday, {{"a/b/c", "1"}, {"empty", ""}});
  EXPECT_EQ(snapshot(first.root, kTuesday, {{"a/b/c", "1"}, {"empty", ""}}).root, first.root);
}

TEST_F(TreeBuilderTest, AParentInARepositoryThatWasGivenUpIsNone) {
  const auto first = snapshot(std::nullopt, kMonday, {{"a/b", "1"}});
  auto other = *repo::Repository::init(std::make_shared<storage::MemoryStorage>(), "secret", std::nullopt, kCheap, {});
  SilentReporter silent;
  repo::Destinations to({{*other, {}}, {*repository_, {}}}, {}, silent);
  to.give_up(1, Error(ErrorKind::kUnavailable, "it does not answer"));
  repo::Writer writer(to, {});
  TreeBuilder tree(to, repo::ParentTree{1, first.root}, kTuesday);
  tree.add("a/b", *store_bytes(to.polynomial(), writer, as_bytes(std::string_view("1"))));
  const auto root = tree.write(writer, {})->root;
  ASSERT_TRUE(writer.finish());
  EXPECT_EQ(repo::find_node(*other, root, "a/b", {})->mtime, kTuesday);
}

TEST_F(TreeBuilderTest, NodesHaveNoOwnersAndPrivateModes) {
  const auto root = snapshot(std::nullopt, kMonday, {{"a/file", "1"}}).root;
  const auto file = *repo::find_node(*repository_, root, "a/file", {});
  EXPECT_EQ(file.mode & 0777, 0600u);
  EXPECT_EQ(file.uid + file.gid + file.inode + file.links, 0u);
  EXPECT_EQ(repo::find_node(*repository_, root, "a", {})->mode & 0777, 0700u);
  EXPECT_EQ(as_text(*repo::read_file(*repository_, file, {})), "1");
}

TEST_F(TreeBuilderTest, LongBytesAreCutAndComeBackWhole) {
  std::string text;
  // More than the longest chunk: what the polynomial, which is random, makes of less is chance.
  for (uint64_t i = 0; text.size() < (9u << 20); ++i) text += std::to_string(uint64_t{7919} * i);
  const auto root = snapshot(std::nullopt, kMonday, {{"long", text}}).root;
  const auto file = *repo::find_node(*repository_, root, "long", {});
  EXPECT_GT(file.content.size(), 1u);
  EXPECT_EQ(as_text(*repo::read_file(*repository_, file, {})), text);
}

}  // namespace
}  // namespace varve::job
