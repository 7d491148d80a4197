#include "files/stream_backup.h"

#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "repo/testing/small_backup.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::files {
namespace {

using repo::testing::Files;

class BackUpStream : public ::testing::Test {
 protected:
  BackUpStream() : repository_(repo::testing::make_repository(std::make_shared<storage::MemoryStorage>())) {
    EXPECT_TRUE(repository_->load_index({}));
  }

  Result<BackupResult> run(std::vector<std::string> command, const Cancel& cancel = {}) {
    return back_up_stream(*repository_, {.name = "dump.sql", .command = std::move(command)}, reporter_, cancel);
  }
  Result<BackupResult> run_shell(const std::string& script, const Cancel& cancel = {}) {
    return run({"sh", "-c", script}, cancel);
  }
  size_t snapshots() { return repository_->snapshots({})->size(); }

  std::unique_ptr<repo::Repository> repository_;
  SilentReporter reporter_;
};

TEST_F(BackUpStream, StoresWhatACommandWrites) {
  const auto result = run_shell("printf one; sleep 0.05; head -c 3000000 /dev/zero | tr '\\0' x");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(*repo::testing::read_back(*repository_, *result->snapshot),
            (Files{{"dump.sql", "one" + std::string(3'000'000, 'x')}}));
  EXPECT_EQ(result->summary.files_new, 1u);
  EXPECT_EQ(result->summary.total_bytes_processed, 3'000'003u);
  const auto snapshot = repository_->find_snapshot("latest", {}, {});
  EXPECT_EQ(snapshot->paths, std::vector<std::string>{"/dump.sql"});
  const auto node = repo::find_node(*repository_, snapshot->tree, "dump.sql", {});
  EXPECT_EQ(node->mode, 0644u);
  EXPECT_EQ(node->uid, getuid());
}

TEST_F(BackUpStream, GoesToSeveralRepositoriesAndIsReadOnce) {
  const auto faulty = std::make_shared<storage::FaultStorage>(std::make_shared<storage::MemoryStorage>());
  const auto other = repo::testing::make_repository(faulty);
  const auto run_in_both = [&] {
    repo::Destinations to({{*repository_, {}}, {*other, {}}}, {}, reporter_);
    return back_up_stream(to, {.name = "x", .command = {"head", "-c", "3000000", "/dev/urandom"}}, reporter_);
  };
  const auto result = run_in_both();
  ASSERT_TRUE(result) << result.error().message();
  const auto content = repo::testing::read_back(*repository_, *result->repositories[0].snapshot);
  EXPECT_EQ(*content, *repo::testing::read_back(*other, *result->repositories[1].snapshot));
  EXPECT_EQ(content->at("x").size(), 3'000'000u);

  faulty->cut_power(1, storage::FaultStorage::Side::kBefore);
  const auto without = run_in_both();
  ASSERT_TRUE(without) << without.error().message();
  EXPECT_TRUE(without->repositories[1].failure);
  EXPECT_EQ(repo::testing::read_back(*repository_, *without->snapshot)->at("x").size(), 3'000'000u);
}

TEST_F(BackUpStream, StoresWhatAPipeBrings) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::thread writer([&] {
    EXPECT_EQ(write(ends[1], "hello", 5), 5);
    close(ends[1]);
  });
  const auto result = back_up_stream(*repository_, {.name = "a//b/c", .input = ends[0]}, reporter_, Cancel());
  writer.join();
  close(ends[0]);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(*repo::testing::read_back(*repository_, *result->snapshot), (Files{{"a/b/c", "hello"}}));
  EXPECT_EQ(result->summary.dirs_new, 2u);
}

TEST_F(BackUpStream, MakesNoSnapshotOfAFailedCommand) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"echo half; exit 7", "failed with status 7"},
      {"echo half; kill -9 $$", "signal 9"},
      {"echo half; exec >&-; sleep 0.05; exit 1", "failed with status 1"},
      {":", "without a byte"},
  };
  for (const auto& [script, expected] : cases) {
    const auto result = run_shell(script);
    ASSERT_FALSE(result) << script;
    EXPECT_NE(result.error().message().find(expected), std::string::npos) << result.error().message();
  }
  const auto missing = run({"/no/such/program"});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message().find("/no/such/program"), std::string::npos);
  EXPECT_EQ(snapshots(), 0u);
}

TEST_F(BackUpStream, TakesNoCommandForGoodWhoseEndNobodyKnows) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);  // so the kernel forgets how children end
  const auto result = run_shell("echo half; exit 7");
  std::signal(SIGCHLD, before);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message().find("the command sh may have failed"), std::string::npos)
      << result.error().message();
  EXPECT_EQ(snapshots(), 0u);
}

TEST_F(BackUpStream, EndsTheCommandWhenItIsStopped) {
  std::stop_source stop;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  // A command that does not want to go is killed.
  const auto result = run_shell("trap '' TERM; echo begun; while :; do sleep 0.05; done", Cancel(stop.get_token()));
  stopper.join();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kCancelled);
  EXPECT_EQ(snapshots(), 0u);
}

TEST_F(BackUpStream, RefusesNamesThatAreNone) {
  for (const std::string name : {"", "/", "..", "a/.."}) {
    const auto result = back_up_stream(*repository_, {.name = name, .command = {"echo"}}, reporter_, Cancel());
    ASSERT_FALSE(result) << name;
    EXPECT_EQ(result.error().kind(), ErrorKind::kInvalidInput);
  }
}

}  // namespace
}  // namespace varve::files
