#include "files/restorer.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <mutex>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/file_restorer.h"
#include "files/local_node.h"
#include "repo/testing/small_backup.h"
#include "storage/fault.h"
#include "storage/memory.h"
#include "storage/testing/helpers.h"

namespace {

/// What becomes of syncfs, by which a restore waits for the disk.
struct Disk {
  int error = 0;
  std::function<void()> on_sync{};
} disk;

}  // namespace

/// Stands before the C library's: no test waits, and some look on.
extern "C" int syncfs(int) noexcept {
  if (disk.on_sync) disk.on_sync();
  errno = disk.error;
  return disk.error == 0 ? 0 : -1;
}

namespace varve::files {
namespace {

namespace fs = std::filesystem;
using repo::testing::Files;
using repo::testing::sample_noise;
using repo::testing::sample_text;
using storage::FaultStorage;

/// Remembers what it is told.
class Told final : public RestoreListener {
 public:
  void item(RestoreAction action, const std::string& path, uint64_t) override {
    std::lock_guard lock(mutex_);
    items[path] = action;
  }
  void problem(const std::string& path, const Error& error) override {
    std::lock_guard lock(mutex_);
    problems.emplace(path, error);
  }
  void progress(const RestoreCounts&, const std::string&) override {}
  void warning(const std::string& sentence) override { warnings.push_back(sentence); }

  std::map<std::string, RestoreAction> items;
  std::map<std::string, Error> problems;
  std::vector<std::string> warnings;

 private:
  std::mutex mutex_;
};

class Restoring : public ::testing::Test {
 protected:
  ~Restoring() override { disk = {}; }

  void back_up(const Files& files, size_t blob_size = 64u << 10) {
    auto repository = repo::testing::make_repository(storage_);
    repo::testing::BackupOptions options;
    options.blob_size = blob_size;
    options.writer.pack_size = 4u << 20;
    const auto id = *repo::testing::back_up(*repository, files, options);
    repository_ = *repo::testing::open_repository(storage_);
    tree_ = repository_->find_snapshot(id.hex(), {}, Cancel())->tree;
    storage_->forget_calls();
  }

  Result<RestoreResult> restore(RestoreOptions options = {}, const Cancel& cancel = Cancel()) {
    options.target = target();
    told_ = std::make_unique<Told>();
    return files::restore(*repository_, tree_, options, *told_, cancel);
  }

  std::string target() const { return folder_.path() + "/target"; }
  std::string at(const std::string& path) const { return target() + "/" + path; }

  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const std::string& path, const std::string& content) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }

  /// How many of the files have the time that the snapshot gives them all.
  size_t with_their_time(const Files& files) const {
    const Time theirs = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);
    return static_cast<size_t>(std::ranges::count_if(files, [&](const auto& file) {
      struct stat info;
      return ::stat(at(file.first).c_str(), &info) == 0 && modified_at(info) == theirs;
    }));
  }

  Id pack_of(const std::string& content) {
    Id pack;
    repository_->index().for_each([&](repo::BlobType type, const Id& id, const repo::BlobLocation& at) {
      if (type == repo::BlobType::kData && as_text(*repository_->load_blob(type, id, Cancel())) == content)
        pack = at.pack;
    });
    return pack;
  }

  std::shared_ptr<FaultStorage> storage_ = std::make_shared<FaultStorage>(std::make_shared<storage::MemoryStorage>());
  std::unique_ptr<repo::Repository> repository_;
  Id tree_;
  storage::testing::TemporaryFolder folder_;
  std::unique_ptr<Told> told_ = std::make_unique<Told>();
};

TEST_F(Restoring, BringsBackEveryByte) {
  const Files files = {
      {"a/large", sample_noise(3u << 20, 1)}, {"a/b/text", sample_text(500'000, 2)}, {"empty", ""}, {"short", "x"}};
  back_up(files);
  const auto result = restore({.verify = true});
  ASSERT_TRUE(result) << result.error().message();
  for (const auto& [path, content] : files) EXPECT_EQ(read(at(path)), content) << path;
  EXPECT_EQ(result->counts.errors, 0u);
  EXPECT_EQ(result->counts.files_total, files.size() + 2);
  EXPECT_EQ(result->counts.files_restored, result->counts.files_total);
  EXPECT_EQ(result->counts.bytes_restored, result->counts.bytes_total);
  EXPECT_EQ(result->files_verified, files.size());
  struct stat info;
  ASSERT_EQ(::stat(at("a/large").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(
      info.st_mtim.tv_sec,
      std::chrono::sys_seconds(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)).time_since_epoch().count());
}

TEST_F(Restoring, ReadsABlobOnceHoweverOftenItIsUsed) {
  const auto block = sample_noise(64u << 10, 3);
  Files files;
  for (int i = 0; i < 50; ++i) files["same" + std::to_string(i)] = block + block + block;
  back_up(files);
  ASSERT_TRUE(restore());
  for (const auto& [path, content] : files) EXPECT_EQ(read(at(path)), content);
  const auto pack = pack_of(block);
  const auto calls = storage_->calls();
  EXPECT_EQ(std::ranges::count_if(calls,
                                  [&](const auto& call) {
                                    return call.operation == storage::Operation::kGet &&
                                           call.handle.type == storage::FileType::kPack && call.handle.id == pack;
                                  }) -
                1,
            1);  // one of them is pack_of's own
}

TEST_F(Restoring, FollowsNoLinkOutOfTheTarget) {
  back_up({{"folder/file", "from the snapshot"}, {"plain", "from the snapshot"}});
  const auto outside = folder_.path() + "/outside";
  write(outside + "/file", "mine");
  write(outside + "/plain", "mine");
  fs::create_directories(target());
  fs::create_directory_symlink(outside, at("folder"));
  fs::create_symlink(outside + "/plain", at("plain"));
  ASSERT_TRUE(restore());
  EXPECT_EQ(read(outside + "/file"), "mine");
  EXPECT_EQ(read(outside + "/plain"), "mine");
  EXPECT_EQ(read(at("folder/file")), "from the snapshot");
  EXPECT_EQ(read(at("plain")), "from the snapshot");
  EXPECT_FALSE(fs::is_symlink(at("folder")));
}

TEST_F(Restoring, DeletionFollowsNoLink) {
  back_up({{"folder/file", "x"}});
  const auto outside = folder_.path() + "/outside";
  write(outside + "/precious", "mine");
  write(at("folder/surplus/deep/file"), "x");
  fs::create_directory_symlink(outside, at("folder/link"));
  fs::create_directory_symlink(outside, at("folder/surplus/link"));
  const auto result = restore({.remove_others = true});
  ASSERT_TRUE(result);
  EXPECT_EQ(read(outside + "/precious"), "mine");
  EXPECT_FALSE(fs::exists(at("folder/surplus")));
  EXPECT_FALSE(fs::is_symlink(at("folder/link")));
  EXPECT_EQ(result->counts.files_deleted, 5u);
}

TEST_F(Restoring, NamesEveryFileThatDamageReachesAndRestoresTheRest) {
  const auto bad = sample_noise(64u << 10, 4);
  back_up(
      {{"first", bad}, {"second", sample_text(100, 5) + bad}, {"whole", sample_text(100'000, 6)}, {"z", bad + "tail"}});
  const auto pack = pack_of(bad);
  uint32_t offset = 0;
  repository_->index().for_each([&](repo::BlobType, const Id& id, const repo::BlobLocation& place) {
    if (place.pack == pack &&
        repository_->load_blob(repo::BlobType::kData, id, Cancel()).value_or(Bytes()) == to_bytes(as_bytes(bad)))
      offset = place.offset;
  });
  ASSERT_TRUE(storage_->corrupt({storage::FileType::kPack, pack}, offset + 100));
  const auto result = restore({.verify = true});
  ASSERT_TRUE(result);
  EXPECT_TRUE(told_->problems.contains("/first"));
  EXPECT_TRUE(told_->problems.contains("/z"));
  EXPECT_EQ(told_->problems.at("/first").kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(result->counts.errors, told_->problems.size());
  EXPECT_EQ(read(at("whole")), sample_text(100'000, 6));
  // What it can have it has, and it does not pass for a good one.
  EXPECT_EQ(read(at("z")).substr(bad.size()), "tail");
  struct stat info;
  ASSERT_EQ(::stat(at("z").c_str(), &info), 0);
  EXPECT_NE(
      info.st_mtim.tv_sec,
      std::chrono::sys_seconds(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)).time_since_epoch().count());
}

TEST_F(Restoring, DeletesNothingWhereATreeIsLost) {
  back_up({{"folder/file", "x"}, {"other", "y"}});
  write(at("folder/surplus"), "x");
  const auto node = repo::find_node(*repository_, tree_, "folder", Cancel());
  ASSERT_TRUE(node);
  const auto place = repository_->index().find(repo::BlobType::kTree, *node->subtree).front();
  ASSERT_TRUE(storage_->corrupt({storage::FileType::kPack, place.pack}, place.offset + 20));
  const auto result = restore({.remove_others = true});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->counts.errors, 1u);
  EXPECT_TRUE(told_->problems.contains("/folder"));
  EXPECT_EQ(read(at("folder/surplus")), "x");
  EXPECT_EQ(read(at("other")), "y");
}

TEST_F(Restoring, AStorageThatDoesNotAnswerEndsIt) {
  back_up({{"file", sample_noise(1u << 20, 7)}});
  storage_->fail_call(storage::Operation::kGet, 3, Error(ErrorKind::kUnavailable, "no answer"));
  const auto result = restore();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kUnavailable);
}

TEST_F(Restoring, StopsWhenAsked) {
  back_up({{"file", sample_noise(1u << 20, 8)}});
  std::stop_source stop;
  stop.request_stop();
  const auto result = restore({}, Cancel(stop.get_token()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kCancelled);
}

TEST_F(Restoring, GivesFilesTheirTimeOnceTheirContentIsOnDisk) {
  Files files = {{"empty", ""}, {"was there", "the same"}};
  for (int i = 0; i < 50; ++i) files["f" + std::to_string(i)] = sample_text(200'000, 20 + i);
  back_up(files);
  write(at("was there"), "the same");
  std::vector<size_t> seen;
  disk.on_sync = [&] { seen.push_back(with_their_time(files)); };
  ASSERT_TRUE(restore());
  EXPECT_EQ(seen, (std::vector<size_t>{0, files.size()}));  // the second time for all that is not content
}

TEST_F(Restoring, ADiskThatFailsEndsItAndNoFileLooksGood) {
  const Files files = {{"a/file", sample_noise(300'000, 11)}, {"b", "x"}};
  back_up(files);
  disk.error = EIO;
  const auto result = restore();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message().find(target()), std::string::npos) << result.error().message();
  EXPECT_EQ(with_their_time(files), 0u);
}

TEST_F(Restoring, ADryRunLeavesTheDiskAlone) {
  back_up({{"file", "x"}});
  disk.error = EIO;
  EXPECT_TRUE(restore({.dry_run = true}));
  EXPECT_FALSE(fs::exists(target()));
}

TEST_F(Restoring, WritesOnlyWhatDiffers) {
  const auto content = sample_noise(1u << 20, 9);
  back_up({{"file", content}, {"same", "same"}});
  ASSERT_TRUE(restore());
  auto changed = content;
  changed[300'000] ^= 1;
  write(at("file"), changed + "longer");
  struct stat before;
  ASSERT_EQ(::stat(at("file").c_str(), &before), 0);
  const auto result = restore();
  ASSERT_TRUE(result);
  EXPECT_EQ(read(at("file")), content);
  struct stat after;
  ASSERT_EQ(::stat(at("file").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(told_->items.at("/file"), RestoreAction::kUpdated);
  EXPECT_EQ(told_->items.at("/same"), RestoreAction::kUnchanged);
  EXPECT_EQ(result->counts.files_skipped, 1u);
}

TEST_F(Restoring, TakesOnlyWhatIsSelectedAndTheFoldersOnTheWay) {
  back_up({{"a/b/wanted", "x"}, {"a/other", "y"}, {"c/other", "z"}});
  RestoreOptions options;
  options.select = [](const std::string& path, bool is_folder) { return Choice{path.ends_with("wanted"), is_folder}; };
  const auto result = restore(options);
  ASSERT_TRUE(result);
  EXPECT_EQ(read(at("a/b/wanted")), "x");
  EXPECT_FALSE(fs::exists(at("a/other")));
  EXPECT_FALSE(fs::exists(at("c")));
}

TEST_F(Restoring, KeepsFewFilesOpen) {
  // The first halves lie in other packs than the second ones: all files wait for their second half at the same time.
  Files files;
  const auto shared = sample_noise(64u << 10, 10);
  for (int i = 0; i < 600; ++i) files["f" + std::to_string(i)] = shared + sample_noise(5000, 100 + i);
  back_up(files);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  rlimit low = old;
  low.rlim_cur = 256;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const auto result = restore({.verify = true});
  setrlimit(RLIMIT_NOFILE, &old);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->counts.errors, 0u);
  EXPECT_EQ(result->files_verified, files.size());
}

TEST_F(Restoring, DeepFoldersNeedNoDeepStackOfOpenOnes) {
  std::string path;
  for (int i = 0; i < 300; ++i) path += "d/";
  back_up({{path + "file", "at the bottom"}});
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  rlimit low = old;
  low.rlim_cur = 200;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const auto result = restore();
  setrlimit(RLIMIT_NOFILE, &old);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->counts.errors, 0u);
  EXPECT_EQ(read(at(path + "file")), "at the bottom");
}

TEST(TargetFolder, LongPathsAreLetGoOfWithoutADeepStack) {
  auto folder = std::make_shared<const TargetFolder>();
  for (int i = 0; i < 300'000; ++i) folder = std::make_shared<const TargetFolder>(folder, "d");
  std::weak_ptr<const TargetFolder> parent = folder->parent;
  folder.reset();
  EXPECT_TRUE(parent.expired());
}

}  // namespace
}  // namespace varve::files
