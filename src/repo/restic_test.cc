#include "repo/testing/restic.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "codec/sha256.h"
#include "repo/check.h"
#include "repo/keys.h"
#include "repo/lock.h"
#include "repo/testing/small_backup.h"
#include "storage/open.h"
#include "storage/testing/helpers.h"

namespace varve::repo {
namespace {

using namespace testing;
namespace fs = std::filesystem;

constexpr const char* kNoRestic = "no restic on this machine";

/// Calls `use` with every stock restic, or skips the test.
template <typename Use>
void with_every_restic(Use&& use) {
  const auto programs = Restic::programs();
  if (programs.empty()) GTEST_SKIP() << kNoRestic;
  for (const auto& program : programs) {
    SCOPED_TRACE(program);
    const storage::testing::TemporaryFolder folder;
    use(program, folder.path());
  }
}

Files sample_files() {
  return {{"mongodb/shop/rs0/dump/shop/orders.bson", sample_text(5'000'000, 1)},
          {"mongodb/shop/rs0/dump/shop/photos.bson", sample_noise(7'000'000, 2)},
          {"mongodb/shop/rs0/dump/shop/empty.bson", ""},
          {"mongodb/shop/rs0/dump/odd \"<&>\\\t\xff\xc3\xa9\xc2\xa0.bson", "odd"},
          {"mongodb/shop/rs0/dump/prelude.json", "{}"}};
}

Files read_folder(const std::string& root) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file() || entry.is_symlink()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files[fs::relative(entry.path(), root)] = {std::istreambuf_iterator<char>(in), {}};
  }
  return files;
}

void write_folder(const std::string& root, const Files& files) {
  for (const auto& [name, content] : files) {
    fs::create_directories(fs::path(root + "/" + name).parent_path());
    std::ofstream(root + "/" + name, std::ios::binary) << content;
  }
}

std::unique_ptr<Repository> open_folder(const std::string& path, std::string_view password = kPassword) {
  auto storage = storage::open_storage(path);
  EXPECT_TRUE(storage);
  auto repository = Repository::open(std::move(*storage), password, Cancel());
  EXPECT_TRUE(repository) << repository.error().message();
  EXPECT_TRUE((*repository)->load_index(Cancel()));
  return std::move(*repository);
}

void expect_sound(Repository& repository) {
  const auto checked = check(repository, {true}, {}, Cancel());
  ASSERT_TRUE(checked) << checked.error().message();
  for (const auto& finding : checked->findings) {
    EXPECT_NE(finding.severity, Finding::Severity::kError) << finding.what;
  }
}

TEST(Restic, ChecksListsRestoresAndCopiesWhatVarveWrote) {
  with_every_restic([](const std::string& program, const std::string& folder) {
    for (const auto level : {codec::Compression::kAuto, codec::Compression::kOff, codec::Compression::kMax}) {
      const std::string place = folder + "/repo" + std::to_string(static_cast<int>(level));
      const auto repository = make_repository(std::shared_ptr<storage::Storage>(*storage::open_storage(place)));
      BackupOptions options;
      options.writer.compression = level;
      options.writer.pack_size = 4 << 20;
      options.blob_size = 700'000;
      const Files files = sample_files();
      const auto id = back_up(*repository, files, options);
      ASSERT_TRUE(id) << id.error().message();

      const Restic restic(program, place, std::string(kPassword));
      const auto expect_ok = [&](const std::string& args) {
        const auto outcome = restic.run(args);
        EXPECT_TRUE(outcome.ok()) << args << "\n" << outcome.output;
        return outcome.output;
      };
      EXPECT_NE(expect_ok("check --read-data").find("no errors were found"), std::string::npos);
      EXPECT_NE(expect_ok("snapshots").find(id->short_hex()), std::string::npos);
      EXPECT_NE(expect_ok("ls latest").find("/mongodb/shop/rs0/dump/prelude.json"), std::string::npos);
      const std::string target = place + "-restored";
      expect_ok("restore latest --verify --target '" + target + "'");
      EXPECT_EQ(read_folder(target), files);
      expect_ok("stats --mode raw-data latest");

      if (level != codec::Compression::kAuto) continue;  // a copy is written anew, at restic's own level
      const Restic copy(program, place + "-copy", "other");
      const std::string from =
          "--from-repo '" + place + "' --from-password-command 'echo " + std::string(kPassword) + "'";
      EXPECT_TRUE(copy.run("init " + from + " --copy-chunker-params").ok());
      const auto copied = copy.run("copy " + from);
      EXPECT_TRUE(copied.ok()) << copied.output;
      const auto checked = copy.run("check --read-data");
      EXPECT_TRUE(checked.ok()) << checked.output;
      EXPECT_EQ(*read_back(*open_folder(place + "-copy", "other"),
                           open_folder(place + "-copy", "other")->find_snapshot("latest", {}, Cancel())->id),
                files);
    }
  });
}

TEST(Restic, AddsToAndPrunesWhatVarveWrote) {
  with_every_restic([](const std::string& program, const std::string& folder) {
    const std::string place = folder + "/repo";
    const auto repository = make_repository(std::shared_ptr<storage::Storage>(*storage::open_storage(place)));
    BackupOptions options;
    const Id old_id = *back_up(*repository, {{"a", sample_noise(3 << 20, 1)}, {"b", sample_text(1 << 20, 2)}}, options);
    options.time += std::chrono::hours(1);
    const Files files = {{"b", sample_text(1 << 20, 2)}, {"c", sample_noise(1 << 20, 3)}};
    const Id new_id = *back_up(*repository, files, options);
    write_folder(folder + "/source", {{"x", "stock"}});

    const Restic restic(program, place, std::string(kPassword));
    for (const std::string& args : {"backup '" + folder + "/source'", "forget " + old_id.hex(),
                                    std::string("prune --max-unused 0"), std::string("check --read-data")}) {
      const auto outcome = restic.run(args);
      EXPECT_TRUE(outcome.ok()) << args << "\n" << outcome.output;
    }
    const auto again = open_folder(place);
    EXPECT_EQ(*read_back(*again, new_id), files);
    EXPECT_EQ((*again->snapshots(Cancel())).size(), 2u);
    expect_sound(*again);
  });
}

TEST(Restic, RepositoriesOfBothVersionsAreRead) {
  with_every_restic([](const std::string& program, const std::string& folder) {
    const Files files = {
        {"one.bson", sample_text(5'000'000, 1)}, {"two/noise", sample_noise(3'000'000, 2)}, {"empty", ""}};
    write_folder(folder + "/source", files);
    for (const std::string version : {"1", "2"}) {
      SCOPED_TRACE("format " + version);
      const std::string place = folder + "/v" + version;
      const Restic restic(program, place, std::string(kPassword));
      EXPECT_TRUE(restic.run("init --repository-version " + version).ok());
      const auto backed_up = restic.run("backup --host h --tag t .", folder + "/source");
      ASSERT_TRUE(backed_up.ok()) << backed_up.output;
      EXPECT_TRUE(restic.run("key list").ok());

      const auto repository = open_folder(place);
      EXPECT_EQ(repository->config().version, version == "1" ? 1u : 2u);
      const auto snapshot = repository->find_snapshot("latest", {{"h"}, {}, {{"t"}}}, Cancel());
      ASSERT_TRUE(snapshot) << snapshot.error().message();
      EXPECT_EQ(*read_back(*repository, snapshot->id), files);
      expect_sound(*repository);
      // The snapshot's own bytes, too.
      EXPECT_EQ(encode_snapshot(*snapshot),
                *repository->load_file(storage::FileType::kSnapshot, snapshot->id, Cancel()));
    }
  });
}

TEST(Restic, FormatOneIsWrittenToo) {
  with_every_restic([](const std::string& program, const std::string& folder) {
    const std::string place = folder + "/v1";
    const Restic restic(program, place, std::string(kPassword));
    ASSERT_TRUE(restic.run("init --repository-version 1").ok());
    const auto id = back_up(*open_folder(place), sample_files());
    ASSERT_TRUE(id) << id.error().message();
    const auto checked = restic.run("check --read-data");
    EXPECT_TRUE(checked.ok()) << checked.output;
    EXPECT_EQ(*read_back(*open_folder(place), *id), sample_files());
  });
}

TEST(Restic, LocksExcludeEachOther) {
  with_every_restic([](const std::string& program, const std::string& folder) {
    const std::string place = folder + "/repo";
    const auto repository = make_repository(std::shared_ptr<storage::Storage>(*storage::open_storage(place)));
    ASSERT_TRUE(back_up(*repository, {{"a", "b"}}));
    const Restic restic(program, place, std::string(kPassword));
    {
      const auto lock = Lock::acquire(*repository, LockMode::kShared, Cancel());
      ASSERT_TRUE(lock) << lock.error().message();
      EXPECT_TRUE(restic.run("snapshots").ok());
      const auto refused = restic.run("prune");
      EXPECT_FALSE(refused.ok());
      EXPECT_NE(refused.output.find("already locked by PID " + std::to_string(getpid())), std::string::npos)
          << refused.output;
    }
    {
      const auto lock = Lock::acquire(*repository, LockMode::kExclusive, Cancel());
      ASSERT_TRUE(lock);
      EXPECT_FALSE(restic.run("snapshots").ok());
    }
    EXPECT_TRUE(restic.run("prune").ok());
  });
}

/// Every tree below `id` must be the same after decoding and encoding.
void expect_same_trees(Repository& repository, const Id& id, size_t& trees) {
  const auto json = repository.load_blob(BlobType::kTree, id, Cancel());
  ASSERT_TRUE(json) << json.error().message();
  const auto nodes = decode_tree(as_text(*json));
  ASSERT_TRUE(nodes) << nodes.error().message();
  const auto again = encode_tree(*nodes);
  ASSERT_TRUE(again) << again.error().message();
  const auto [ours, theirs] = std::mismatch(again->begin(), again->end(), json->begin(), json->end(),
                                            [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
  EXPECT_TRUE(ours == again->end() && theirs == json->end())
      << "differs at " << again->substr(static_cast<size_t>(ours - again->begin()), 80);
  ++trees;
  for (const auto& node : *nodes) {
    if (node.subtree) expect_same_trees(repository, *node.subtree, trees);
  }
}

/// Names that no version of Go writes otherwise: what is printable grows with Unicode. Link targets are valid UTF-8:
/// what is not is lost by old versions.
void make_odd_folder(const std::string& root) {
  Files files = {
      {"plain", "x"}, {"empty", ""}, {"sub/deeper/file", "y"}, {"caf\xc3\xa9", "1"}, {"emoji \xf0\x9f\x98\x80", "2"}};
  std::string all;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    const std::string one(1, static_cast<char>(byte));
    files["bytes/_" + one] = one;
    files["bytes/" + one + "_"] = "";
    all += one;
  }
  files["all/" + all.substr(0, 200)] = "all";
  for (const char* name :
       {"nbsp\xc2\xa0", "zero\xe2\x80\x8b", "line\xe2\x80\xa8", "cut\xe2\x80", "lone\xed\xa0\x80",
        "high\xf4\x90\x80\x80", "private\xee\x80\x80", "bom\xef\xbb\xbf", "soft\xc2\xad", "repl\xef\xbf\xbd",
        "tag\xf3\xa0\x80\x81", "arabic\xd8\x9c", "combining\xcc\x81", "khmer\xe1\x9e\xb4"}) {
    files[std::string("runes/") + name] = name;
  }
  write_folder(root, files);
  fs::create_symlink("target<&>\xc2\xa0", root + "/link");
  mkfifo((root + "/fifo").c_str(), 0640);
  fs::create_hard_link(root + "/plain", root + "/hard");
  chmod((root + "/sub").c_str(), 03755);
  chmod((root + "/empty").c_str(), 04711);
  chmod((root + "/plain").c_str(), 0);
  const timeval old[2] = {{-5'000'000'000, 0}, {-5'000'000'000, 120'000}};
  utimes((root + "/sub/deeper/file").c_str(), old);
}

TEST(Restic, TreesAreTheSameByteForByte) {
  with_every_restic([](const std::string& program, const std::string& folder) {
    make_odd_folder(folder + "/odd");
    const std::string place = folder + "/repo";
    const Restic restic(program, place, std::string(kPassword));
    ASSERT_TRUE(restic.run("init").ok());
    const auto backed_up = restic.run("backup --with-atime .", folder + "/odd");
    ASSERT_TRUE(backed_up.ok()) << backed_up.output;
    const auto repository = open_folder(place);
    const auto snapshot = repository->find_snapshot("latest", {}, Cancel());
    ASSERT_TRUE(snapshot) << snapshot.error().message();
    size_t trees = 0;
    expect_same_trees(*repository, snapshot->tree, trees);
    EXPECT_GE(trees, 5u);
  });
}

}  // namespace
}  // namespace varve::repo
