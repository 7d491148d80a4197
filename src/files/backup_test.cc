#include "files/backup.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo/testing/power_cuts.h"
#include "repo/testing/small_backup.h"
#include "storage/fault.h"
#include "storage/testing/helpers.h"

namespace varve::files {
namespace {

using repo::testing::Files;
using repo::testing::make_repository;
using repo::testing::open_repository;
using repo::testing::read_back;
using repo::testing::sample_noise;
using repo::testing::sample_text;
using storage::FaultStorage;
using storage::MemoryStorage;
namespace fs = std::filesystem;

/// Remembers what it is told.
class Listener final : public Reporter {
 public:
  void progress(const Progress&) override {}
  void note(std::string_view) override {}
  void warning(std::string_view sentence) override { warnings.emplace_back(sentence); }

  std::vector<std::string> warnings;
};

class BackUp : public ::testing::Test {
 protected:
  BackUp() : repository_(make_repository(std::make_shared<MemoryStorage>())) {
    EXPECT_TRUE(repository_->load_index({}));
  }

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  void write(const std::string& name, const std::string& content) const {
    fs::create_directories(fs::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << content;
  }

  BackupOptions options() const {
    BackupOptions options{.paths = {folder_.path()}};
    options.details.host = "here";
    return options;
  }

  BackupResult back_up(const BackupOptions& options) {
    auto result = files::back_up(*repository_, options, listener_, Cancel());
    EXPECT_TRUE(result) << result.error().message();
    return result ? *result : BackupResult{};
  }
  BackupResult back_up() { return back_up(options()); }

  /// Names below the source folder to content.
  Files stored(const BackupResult& result) { return below_source(*repository_, *result.snapshot); }

  Files below_source(repo::Repository& repository, const Id& snapshot) const {
    const auto all = read_back(repository, snapshot);
    EXPECT_TRUE(all) << all.error().message();
    Files files;
    const auto prefix = folder_.path().substr(1) + "/";
    for (const auto& [name, content] : *all) {
      files[name.starts_with(prefix) ? name.substr(prefix.size()) : "/" + name] = content;
    }
    return files;
  }

  storage::testing::TemporaryFolder folder_;
  std::unique_ptr<repo::Repository> repository_;
  Listener listener_;
};

TEST_F(BackUp, StoresEveryFileAndCountsAsResticDoes) {
  const Files files = {
      {"a", "one"}, {"b/c", sample_text(3'000'000, 1)}, {"b/d/e", ""}, {"z", sample_noise(9'000'000, 2)}};
  for (const auto& [name, content] : files) write(name, content);
  const auto result = back_up();
  EXPECT_EQ(stored(result), files);
  EXPECT_EQ(result.problem_count, 0u);
  EXPECT_EQ(result.summary.files_new, 4u);
  EXPECT_EQ(result.summary.total_files_processed, 4u);
  EXPECT_EQ(result.summary.total_bytes_processed, 12'000'003u);
  // Those of the source, the source itself, and those above it.
  const auto depth = static_cast<uint64_t>(std::ranges::count(folder_.path(), '/'));
  EXPECT_EQ(result.summary.dirs_new, 2 + depth);
  const auto snapshot = repository_->find_snapshot(result.snapshot->hex(), {}, {});
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->paths, std::vector{folder_.path()});
  EXPECT_EQ(snapshot->hostname, "here");
  EXPECT_FALSE(snapshot->parent);
  EXPECT_EQ(snapshot->summary->files_new, 4u);
}

TEST_F(BackUp, ReadsNothingThatHasNotChanged) {
  write("a", "one");
  write("b/c", sample_noise(2'000'000, 3));
  // The folders above are part of the tree, and other tests make theirs in them meanwhile: some attempt meets none of
  // that.
  auto first = back_up();
  auto second = back_up();
  for (int attempt = 0; attempt < 100 && second.summary.data_added > 0; ++attempt) {
    first = std::exchange(second, back_up());
  }
  EXPECT_EQ(second.parent, first.snapshot);
  EXPECT_EQ(second.summary.files_unmodified, 2u);
  EXPECT_EQ(second.summary.files_new + second.summary.files_changed, 0u);
  EXPECT_EQ(second.stored.blobs_known, second.summary.dirs_unmodified + 1) << "trees, and nothing else";
  EXPECT_EQ(second.summary.data_added, 0u);
  EXPECT_EQ(stored(second), stored(first));

  auto force = options();
  force.without_parent = true;
  auto third = back_up(force);
  for (int attempt = 0; attempt < 100 && third.summary.data_added > 0; ++attempt) third = back_up(force);
  EXPECT_FALSE(third.parent);
  EXPECT_EQ(third.summary.files_new, 2u);
  EXPECT_EQ(third.summary.data_added, 0u);
}

TEST_F(BackUp, SeesAChangeThatKeepsSizeAndTime) {
  write("a", "one");
  back_up();
  const auto time = fs::last_write_time(path("a"));
  write("a", "two");
  fs::last_write_time(path("a"), time);
  auto blind = options();
  blind.archive.ignore_ctime = true;
  EXPECT_EQ(stored(back_up(blind)), (Files{{"a", "one"}})) << "as asked for";
  blind.without_parent = true;
  EXPECT_EQ(stored(back_up(blind)), (Files{{"a", "two"}}));
}

TEST_F(BackUp, CountsChangesAgainstItsParent) {
  write("same", "same");
  write("other", "one");
  write("b/gone", "gone");
  const auto first = back_up();
  write("other", "two and more");
  write("b/new", "new");
  fs::remove(path("b/gone"));
  const auto second = back_up();
  EXPECT_EQ(second.summary.files_new, 1u);
  EXPECT_EQ(second.summary.files_changed, 1u);
  EXPECT_EQ(second.summary.files_unmodified, 1u);
  EXPECT_EQ(stored(second), (Files{{"same", "same"}, {"other", "two and more"}, {"b/new", "new"}}));

  auto of_first = options();
  of_first.parent = first.snapshot->hex();
  EXPECT_EQ(back_up(of_first).parent, first.snapshot);
  auto elsewhere = options();
  elsewhere.details.host = "there";
  EXPECT_FALSE(back_up(elsewhere).parent) << "of another host";
}

TEST_F(BackUp, LeavesOutWhatItIsTold) {
  for (const char* name : {"a.tmp", "keep", "b/c.tmp", "cache/CACHEDIR.TAG", "cache/x", "skip/.nobackup", "skip/y"}) {
    write(name, name);
  }
  write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# made by a test");
  write("fake/CACHEDIR.TAG", "something else");
  write("fake/z", "z");
  write("large", std::string(2000, 'x'));
  auto some = options();
  ASSERT_TRUE(some.archive.selection.exclude.add({"*.tmp"}, false));
  some.archive.selection.folder_tags = {FolderTag::cache(), *FolderTag::parse(".nobackup")};
  some.archive.selection.larger_than = 1999;
  some.archive.scan = true;
  some.paths.push_back(path("a.tmp"));  // named, so it is taken
  const auto files = stored(back_up(some));
  std::vector<std::string> names;
  for (const auto& [name, content] : files) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"a.tmp", "cache/CACHEDIR.TAG", "fake/CACHEDIR.TAG", "fake/z", "keep",
                                             "skip/.nobackup"}));
  ASSERT_EQ(listener_.warnings.size(), 1u);
  EXPECT_NE(listener_.warnings[0].find("fake/CACHEDIR.TAG"), std::string::npos);

  some.paths = {path("a.tmp"), path("large")};
  EXPECT_EQ(stored(back_up(some)).size(), 2u) << "what was named itself is taken";
}

TEST_F(BackUp, GoesOnWithoutWhatCannotBeRead) {
  write("fine", "fine");
  auto some = options();
  some.paths.insert(some.paths.end(), {"/proc/self/mem", path("missing")});
  const auto result = back_up(some);
  EXPECT_EQ(stored(result), (Files{{"fine", "fine"}}));
  ASSERT_EQ(result.problem_count, 2u);
  EXPECT_EQ(result.problems[0].item, path("missing"));
  EXPECT_EQ(result.problems[1].item, "/proc/self/mem");
  EXPECT_EQ(listener_.warnings.size(), 2u);
  const auto snapshot = repository_->find_snapshot("latest", {}, {});
  EXPECT_EQ(snapshot->paths, (std::vector<std::string>{folder_.path(), "/proc/self/mem"}));
}

TEST_F(BackUp, IsAnErrorIfNothingIsLeft) {
  auto none = options();
  none.paths = {path("missing")};
  auto result = files::back_up(*repository_, none, listener_, Cancel());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(repository_->snapshots({})->size(), 0u);
}

TEST_F(BackUp, KeepsWhatTheKernelSaysOfAFile) {
  write("plain", "x");
  ASSERT_EQ(chmod(path("plain").c_str(), 04751), 0);
  ASSERT_EQ(link(path("plain").c_str(), path("twin").c_str()), 0);
  ASSERT_EQ(symlink("no\xffwhere", path("link").c_str()), 0);
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0640), 0);
  const auto result = back_up();
  const auto snapshot = repository_->find_snapshot("latest", {}, {});
  const auto folder = repo::find_node(*repository_, snapshot->tree, folder_.path().substr(1), {});
  ASSERT_TRUE(folder);
  const auto nodes = *repository_->load_tree(*folder->subtree, {});
  ASSERT_EQ(nodes.size(), 4u);
  EXPECT_EQ(nodes[0].link_target, "no\xffwhere");
  EXPECT_EQ(nodes[1].type, repo::NodeType::kFifo);
  struct stat stat {};
  ASSERT_EQ(lstat(path("plain").c_str(), &stat), 0);
  for (const auto& node : {nodes[2], nodes[3]}) {
    EXPECT_EQ(node.mode, 0751u | 1u << 23);
    EXPECT_EQ(node.links, 2u);
    EXPECT_EQ(node.inode, stat.st_ino);
    EXPECT_EQ(node.device_id, stat.st_dev);
    EXPECT_EQ(node.mtime.time_since_epoch() % std::chrono::seconds(1), std::chrono::nanoseconds(stat.st_mtim.tv_nsec));
    EXPECT_EQ(node.atime, node.mtime);
  }
}

TEST_F(BackUp, StoresNothingInADryRun) {
  write("a", sample_noise(100'000, 5));
  auto dry = options();
  dry.writer.dry_run = true;
  const auto result = back_up(dry);
  EXPECT_FALSE(result.snapshot);
  EXPECT_EQ(result.summary.data_blobs, 1u);
  EXPECT_GT(result.summary.data_added_packed, 100'000u);
  EXPECT_EQ(repository_->snapshots({})->size(), 0u);
  EXPECT_TRUE(storage::testing::listed(repository_->storage(), storage::FileType::kPack)->empty());
  EXPECT_TRUE(storage::testing::listed(repository_->storage(), storage::FileType::kIndex)->empty());
  EXPECT_EQ(back_up().summary.data_blobs, 1u) << "what a dry run met is not taken for stored";
}

TEST_F(BackUp, SkipsASnapshotThatWouldEqualItsParent) {
  write("a", "one");
  auto skipping = options();
  skipping.skip_if_unchanged = true;
  EXPECT_TRUE(back_up(skipping).snapshot);
  bool skipped = false;  // by an attempt that meets no change above, as there
  for (int attempt = 0; attempt < 100 && !skipped; ++attempt) {
    const size_t before = repository_->snapshots({})->size();
    skipped = !back_up(skipping).snapshot;
    EXPECT_EQ(repository_->snapshots({})->size(), before + (skipped ? 0 : 1));
  }
  EXPECT_TRUE(skipped);
  write("a", "two and more");
  EXPECT_TRUE(back_up(skipping).snapshot);
}

TEST_F(BackUp, TakesManyFoldersWithFewThreads) {
  Files files;
  for (int i = 0; i < 600; ++i) {
    const auto name = "d" + std::to_string(i % 97) + "/e" + std::to_string(i % 7) + "/f" + std::to_string(i);
    files[name] = sample_text(static_cast<size_t>(i) * 37, static_cast<uint32_t>(i));
    write(name, files[name]);
  }
  auto narrow = options();
  narrow.archive.readers = 1;
  narrow.writer.workers = 1;
  EXPECT_EQ(stored(back_up(narrow)), files);
  auto wide = options();
  wide.archive.readers = 8;
  wide.without_parent = true;
  EXPECT_EQ(stored(back_up(wide)), files);
}

TEST_F(BackUp, EndsWhenItIsStopped) {
  write("a", "one");
  std::stop_source stop;
  stop.request_stop();
  const auto result = files::back_up(*repository_, options(), listener_, Cancel(stop.get_token()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kCancelled);
  EXPECT_EQ(repository_->snapshots({})->size(), 0u);
}

TEST_F(BackUp, EndsWithTheStoragesErrorWhenItFails) {
  for (int i = 0; i < 20; ++i) write("f" + std::to_string(i), sample_noise(2'000'000, static_cast<uint32_t>(i)));
  const auto faulty = std::make_shared<FaultStorage>(repo::testing::copy_of(repository_->storage()));
  const auto repository = open_repository(faulty);
  ASSERT_TRUE(repository);
  faulty->fail_call(storage::Operation::kPut, 2, Error(ErrorKind::kNoSpace, "the disk is full"));
  auto small = options();
  small.writer.pack_size = 4u << 20;
  const auto result = files::back_up(**repository, small, listener_, Cancel());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kNoSpace);
  EXPECT_EQ((*repository)->snapshots({})->size(), 0u);
  EXPECT_EQ(below_source(**repository, *files::back_up(**repository, small, listener_, Cancel())->snapshot).size(),
            20u);
}

TEST_F(BackUp, AParentThatSomebodyElseSavedSinceIsReadWhole) {
  write("a/b", "same");
  const auto memory = std::make_shared<MemoryStorage>();
  repository_ = make_repository(memory);
  ASSERT_TRUE(repository_->load_index({}));
  const auto other = *open_repository(memory);
  const auto first = files::back_up(*other, options(), listener_, Cancel());
  ASSERT_TRUE(first);
  const auto second = back_up();
  EXPECT_EQ(second.parent, first->snapshot);
  EXPECT_EQ(second.problem_count, 0u);
  EXPECT_EQ(second.summary.files_unmodified, 1u);
}

/// A second repository beside the fixture's, on a storage that can fail.
class BackUpInTwo : public BackUp {
 protected:
  BackUpInTwo() { EXPECT_TRUE(other_->load_index({})); }

  /// In the fixture's and the other one, or the other way round.
  Result<BackupResult> in_both(const BackupOptions& options, bool other_first = false) {
    auto& first = other_first ? *other_ : *repository_;
    auto& second = other_first ? *repository_ : *other_;
    repo::Destinations to({{first, {}}, {second, {}}}, Cancel(), listener_);
    return files::back_up(to, options, listener_);
  }

  std::shared_ptr<MemoryStorage> memory_ = std::make_shared<MemoryStorage>();
  std::shared_ptr<FaultStorage> faulty_ = std::make_shared<FaultStorage>(memory_);
  std::unique_ptr<repo::Repository> other_ = make_repository(faulty_);
};

TEST_F(BackUpInTwo, EachFollowsItsOwnParent) {
  write("a", "one");
  write("b/c", sample_noise(3'000'000, 1));
  const auto alone = back_up();
  const auto first = *in_both(options());
  const auto second = *in_both(options());
  EXPECT_EQ(first.repositories[0].parent, alone.snapshot);
  EXPECT_FALSE(first.repositories[1].parent);
  for (size_t i : {0u, 1u}) {
    auto& repository = i == 0 ? *repository_ : *other_;
    EXPECT_EQ(second.repositories[i].parent, first.repositories[i].snapshot);
    EXPECT_EQ(below_source(repository, *second.repositories[i].snapshot),
              (Files{{"a", "one"}, {"b/c", sample_noise(3'000'000, 1)}}));
  }
  // Whichever had all of it first is the original.
  const auto mine = repository_->find_snapshot(second.repositories[0].snapshot->hex(), {}, {});
  const auto theirs = other_->find_snapshot(second.repositories[1].snapshot->hex(), {}, {});
  if (mine->original) {
    EXPECT_EQ(mine->original, theirs->id);
    EXPECT_FALSE(theirs->original);
  } else {
    EXPECT_EQ(theirs->original, mine->id);
  }
  EXPECT_EQ(second.problem_count, 0u);
  EXPECT_EQ(second.summary.files_unmodified, 2u);
  EXPECT_TRUE(listener_.warnings.empty());
}

/// What would not be looked at is, since the other repository lacks it; that is no problem.
TEST_F(BackUpInTwo, WhatOneOfThemLacksIsReadAgain) {
  write("a", "one");
  write("b", "same");
  back_up();
  const auto time = fs::last_write_time(path("a"));
  write("a", "two");
  fs::last_write_time(path("a"), time);
  auto blind = options();
  blind.archive.ignore_ctime = true;
  ASSERT_EQ(stored(back_up(blind)), (Files{{"a", "one"}, {"b", "same"}})) << "it looks unchanged";
  const auto result = in_both(blind);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->problem_count, 0u);
  EXPECT_EQ(stored(*result), (Files{{"a", "two"}, {"b", "same"}}));
  EXPECT_EQ(below_source(*other_, *result->repositories[1].snapshot), stored(*result));

  write("a", "six");
  fs::last_write_time(path("a"), time);
  EXPECT_EQ(stored(*in_both(blind)), (Files{{"a", "two"}, {"b", "same"}})) << "now both have all of it";
}

TEST_F(BackUpInTwo, OneThatFailsAtAnyWriteLeavesTheOtherComplete) {
  Files files;
  for (uint32_t i = 0; i < 12; ++i)
    write("f" + std::to_string(i), files["f" + std::to_string(i)] = sample_noise(1'000'000, i));
  auto small = options();
  small.writer.pack_size = 4u << 20;
  for (const bool other_first : {false, true}) {
    bool failed = true;
    for (unsigned nth = 1; failed; ++nth) {
      ASSERT_LT(nth, 30u) << "it never succeeds";
      repository_ = make_repository(std::make_shared<MemoryStorage>());
      memory_ = std::make_shared<MemoryStorage>();
      faulty_ = std::make_shared<FaultStorage>(memory_);
      other_ = make_repository(faulty_);
      faulty_->cut_power(nth, FaultStorage::Side::kBefore);
      const auto result = in_both(small, other_first);
      ASSERT_TRUE(result) << result.error().message();
      const auto& good = result->repositories[other_first ? 1 : 0];
      const auto& bad = result->repositories[other_first ? 0 : 1];
      ASSERT_TRUE(good.snapshot);
      EXPECT_EQ(result->problem_count, 0u);
      EXPECT_EQ(below_source(*repository_, *good.snapshot), files);
      failed = bad.failure.has_value();
      if (failed) EXPECT_EQ(result->snapshot, good.snapshot);
      EXPECT_EQ(failed, !bad.snapshot);
      faulty_->restore_power();
      EXPECT_EQ((*open_repository(memory_))->snapshots({})->size(), failed ? 0u : 1u);
      const auto again = in_both(small);
      ASSERT_TRUE(again && repo::all_saved(again->repositories)) << "the next run finds nothing in its way";
      EXPECT_EQ(below_source(**open_repository(memory_), *again->repositories[1].snapshot), files);
    }
  }
}

TEST_F(BackUpInTwo, ANamedParentIsInOneOfThemAtLeast) {
  write("a", "one");
  auto named = options();
  named.parent = back_up().snapshot->hex();
  const auto result = in_both(named);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->repositories[0].parent->hex(), named.parent);
  EXPECT_FALSE(result->repositories[1].parent);
  named.parent = std::string(64, '0');
  EXPECT_EQ(in_both(named).error().kind(), ErrorKind::kNotFound);
}

TEST_F(BackUp, SurvivesPowerCutsAtEveryWrite) {
  Files files = {{"same", sample_noise(900'000, 7)}, {"changed", "one"}, {"b/c/d", sample_text(700'000, 8)}};
  for (const auto& [name, content] : files) write(name, content);
  back_up();
  files["changed"] = sample_noise(6'000'000, 9);
  files["b/new"] = sample_noise(5'000'000, 10);
  for (const char* name : {"changed", "b/new"}) write(name, files[name]);

  auto small = options();
  small.writer.pack_size = 4u << 20;
  small.writer.workers = 1;
  const auto run = [&](const std::shared_ptr<storage::Storage>& storage) -> Result<BackupResult> {
    TRY_ASSIGN(const auto repository, open_repository(storage));
    return files::back_up(*repository, small, listener_, Cancel());
  };
  repo::testing::PowerCutTest test;
  test.operation = [&](const std::shared_ptr<storage::Storage>& storage) -> Status {
    TRY(run(storage));
    return {};
  };
  test.after = [&](const std::shared_ptr<storage::Storage>& storage) {
    const auto again = run(storage);
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(again->summary.files_unmodified + again->summary.files_changed + again->summary.files_new, 4u);
    const auto repository = open_repository(storage);
    EXPECT_EQ(below_source(**repository, *again->snapshot), files);
    const auto once_more = run(storage);
    EXPECT_EQ(once_more->summary.data_blobs, 0u);  // trees may differ: somebody else may work in the folder above
  };
  EXPECT_GE(repo::testing::survive_power_cuts(repository_->storage(), test), 8u);
}

}  // namespace
}  // namespace varve::files
