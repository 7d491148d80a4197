// Repositories that somebody who knows the password has made to do harm: nothing crashes, runs for ever, gives wrong
// bytes, or takes memory out of proportion: a tree's or snapshot's JSON, however well it was compressed, takes a few
// times its own size and no more, and a walk no more than the trees that there are.
#include <atomic>

#include <gtest/gtest.h>

#include "codec/sha256.h"
#include "maintenance/raw_node.h"
#include "maintenance/repair_index.h"
#include "maintenance/repair_snapshots.h"
#include "maintenance/testing/damaged_repository.h"
#include "repo/testing/peak_memory.h"
#include "repo/walk_trees.h"

namespace varve::maintenance {
namespace {

using namespace testing;
using repo::BlobType;

std::string file(const std::string& name, const std::string& content, uint64_t size = 5) {
  return R"({"name":")" + name + R"(","type":"file","uid":0,"gid":0,"size":)" + std::to_string(size) +
         R"(,"content":[)" + content + "]}";
}
std::string folder(const std::string& name, const Id& tree) {
  return R"({"name":")" + name + R"(","type":"dir","uid":0,"gid":0,"content":null,"subtree":")" + tree.hex() + R"("})";
}
std::string quoted(const Id& id) {
  return '"' + id.hex() + '"';
}

class Hostile : public DamagedRepository {
 protected:
  Id save_blob(BlobType type, std::string_view content) {
    repo::Writer writer(*repository_, {}, Cancel());
    EXPECT_TRUE(writer.save(type, to_bytes(as_bytes(content)), [](const Id&) {}));
    EXPECT_TRUE(writer.finish());
    return codec::sha256(as_bytes(content));
  }
  Id save_tree(const std::vector<std::string>& entries) { return save_blob(BlobType::kTree, join_tree(entries)); }
  Id save_snapshot(const Id& tree, Time time = system_clock().now()) {
    repo::Snapshot snapshot;
    snapshot.time = time;
    snapshot.tree = tree;
    return *repository_->save_snapshot(snapshot, Cancel());
  }
  /// How many trees a walk meets.
  size_t walk(const Id& root) {
    std::atomic<size_t> trees = 0;
    EXPECT_TRUE(repo::walk_trees(
        *reopen(), {root},
        [&](const Id&, const Result<std::vector<repo::Node>>&) -> Status {
          ++trees;
          return {};
        },
        Cancel()));
    return trees;
  }
};

TEST_F(Hostile, ATreeCannotHoldItself) {
  // Its id is its hash, so the index must lie about another tree, and whoever reads that sees the lie.
  Id claimed;
  claimed.bytes.fill(3);
  const Id real = save_tree({folder("again", claimed)});
  auto packs = indexed();
  for (auto& pack : packs) {
    for (auto& blob : pack.blobs) blob.id = blob.id == real ? claimed : blob.id;
  }
  lie(packs);
  save_snapshot(claimed);
  EXPECT_EQ(walk(claimed), 1u);
  EXPECT_FALSE(reopen()->load_tree(claimed, Cancel()));
  EXPECT_NE(damage().find("does not match its id"), std::string::npos) << damage();
}

TEST_F(Hostile, FoldersAThousandDeepAndManyOfOneTree) {
  Id tree = save_tree({file("x", "")});
  {
    repo::Writer writer(*repository_, {}, Cancel());
    for (int depth = 0; depth < 3000; ++depth) {
      // Twice: 2^3000 paths, of which everything must be walked once.
      const auto json = join_tree({folder("a", tree), folder("b", tree)});
      ASSERT_TRUE(writer.save(BlobType::kTree, to_bytes(as_bytes(json)), [](const Id&) {}));
      tree = codec::sha256(as_bytes(json));
    }
    ASSERT_TRUE(writer.finish());
  }
  save_snapshot(tree);
  EXPECT_EQ(walk(tree), 3001u);
  EXPECT_EQ(damage(), "");
}

TEST_F(Hostile, NamesThatNoFileCanHave) {
  const Id data = save_blob(BlobType::kData, "hello");
  for (const char* name : {"..", ".", "../../etc/passwd", "a/b", "", "a\\\\x00b", "a\\u0000b"}) {
    const Id tree = save_tree({file(name, quoted(data))});
    const auto nodes = reopen()->load_tree(tree, Cancel());
    EXPECT_FALSE(nodes) << name;
  }
}

TEST_F(Hostile, AFileOfOneBlobAHundredThousandTimes) {
  const Id data = save_blob(BlobType::kData, sample_text(20'000, 5));
  std::string content;
  for (int i = 0; i < 100'000; ++i) content += (i == 0 ? "" : ",") + quoted(data);
  const Id tree = save_tree({file("much", content, 2'000'000'000)});
  save_snapshot(tree);
  EXPECT_EQ(damage(), "");
  const auto node = repo::find_node(*reopen(), tree, "much", Cancel());
  ASSERT_TRUE(node);
  const auto whole = repo::read_file(*reopen(), *node, Cancel());
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().kind(), ErrorKind::kCorrupt);
  // And one that claims to be small: reading stops where it passes the limit.
  const Id other = save_tree({file("much", content, 5)});
  EXPECT_FALSE(repo::read_file(*reopen(), *repo::find_node(*reopen(), other, "much", Cancel()), Cancel(), 1u << 20));
}

TEST_F(Hostile, AnIndexOfPlacesThatCannotBe) {
  const auto truth = indexed();
  const std::function<void(repo::Index::PackedBlob&)> lies[] = {
      [](auto& blob) { blob.location.offset = 4'000'000'000u; },
      [](auto& blob) { blob.location.length = 4'200'000'000u; },
      [](auto& blob) { blob.location.plain_length = 4'294'967'295u; },
      [](auto& blob) {
        blob.location.offset = 0;
        blob.location.length = 33;
      },
  };
  for (const auto& lie_about : lies) {
    auto packs = truth;
    for (auto& pack : packs) {
      for (auto& blob : pack.blobs) lie_about(blob);
    }
    lie(packs);
    EXPECT_NE(damage(), "");
    EXPECT_FALSE(read_back(*reopen(), snapshot_));
    SilentReporter reporter;
    ASSERT_TRUE(repair_index(*repository_, {.read_all_packs = true}, reporter, Cancel()));
    EXPECT_EQ(damage(), "");
    EXPECT_EQ(content(snapshot_), files_);
  }
}

TEST_F(Hostile, TimesFarOff) {
  const Id tree = save_tree({});
  for (const char* time : {"0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z"}) {
    const std::string json = R"({"time":")" + std::string(time) + R"(","tree":")" + tree.hex() + R"(","paths":null})";
    ASSERT_TRUE(repository_->save_file(FileType::kSnapshot, json, Cancel()));
  }
  EXPECT_EQ(damage(), "");
  const auto snapshots = repository_->snapshots(Cancel());
  ASSERT_TRUE(snapshots);
  EXPECT_EQ(snapshots->size(), 4u);
  for (const auto& snapshot : *snapshots) EXPECT_FALSE(format_utc(snapshot.time).empty());
}

/// `text` so often that it fills so many bytes, with commas between.
std::string repeated(const std::string& text, size_t size) {
  std::string out = text;
  out.reserve(size + text.size() + 1);
  while (out.size() < size) out.append(1, ',').append(text);
  return out;
}

/// What is made of a text takes a few times its size; and a little for the rest.
void expect_modest(const PeakMemory& memory, size_t text, size_t times) {
  constexpr size_t kLittle = 1536u << 10;
  EXPECT_LT(memory.bytes(), times * text + kLittle) << "of " << text;
}

TEST_F(Hostile, TreesOfVeryManyThingsThatSayNothing) {
  if (!PeakMemory::works()) GTEST_SKIP() << PeakMemory::kNobodyCounts;
  constexpr size_t kSize = 512u << 10;
  const std::string id = std::string(64, '1');
  const auto with = [](const std::string& members) {
    return R"({"name":"a","type":"file","content":[])" + members + "}";
  };
  const std::string trees[] = {
      with(R"(,"extended_attributes":[)" + repeated("{}", kSize) + "]"),
      repeated(with(R"(,"extended_attributes":[)" + repeated("{}", 25'000) + "]"), kSize),
      repeated(with(R"(,"extended_attributes":[)" + repeated(R"({"name":"b"})", 60'000) + "]"), kSize),
      with(R"(,"content":[)" + repeated("null", kSize) + "]"),
      with(R"(,"content":[)" + repeated('"' + id + '"', kSize) + "]"),
      repeated(with(""), kSize),
      repeated("{}", kSize),
      repeated("1", kSize),
      R"({"name":")" + std::string(kSize, 'n') + R"(","type":"file","content":[]})",
      R"({"name":"a","type":"file","content":[],"user":")" + std::string(kSize, '\xff') + "\"}",
      "{" + repeated(R"("x":1)", kSize) + "}",
  };
  for (const auto& entries : trees) {
    SCOPED_TRACE(entries.substr(0, 60));
    const auto json = join_tree({entries});
    const Id tree = save_blob(BlobType::kTree, json);
    save_snapshot(tree);
    const auto repository = reopen();
    {
      const PeakMemory memory;
      (void)repository->load_tree(tree, Cancel());
      expect_modest(memory, json.size(), 10);
    }
    {
      const PeakMemory memory;
      (void)RawNode::parse(entries);
      expect_modest(memory, json.size(), 8);
    }
  }
  SilentReporter reporter;
  const auto files = *repo::read_snapshot_files(*repository_, Cancel());
  const auto repository = reopen();
  const PeakMemory memory;
  EXPECT_TRUE(repair_snapshots(*repository, files, {.dry_run = true}, reporter, Cancel()));
  expect_modest(memory, kSize, 12);
}

TEST_F(Hostile, AnIndexThatIsMuchLargerThanItsFile) {
  const std::string truth = repo::encode_index(indexed());
  std::string json = truth;
  json.insert(1, R"("x":[)" + repeated("1", 32u << 20) + "],");
  const Id bomb = *repository_->save_file(FileType::kIndex, json, Cancel());
  ASSERT_LT(bytes(FileType::kIndex, bomb).size(), 100u << 10);
  if (PeakMemory::works()) {
    const PeakMemory memory;
    EXPECT_FALSE(repository_->load_index(Cancel()));
    expect_modest(memory, truth.size(), 10);
  }
  EXPECT_EQ(repository_->load_index(Cancel()).error().kind(), ErrorKind::kCorrupt);
  EXPECT_NE(damage().find("index file " + bomb.short_hex() + " is damaged"), std::string::npos) << damage();
  SilentReporter reporter;
  ASSERT_TRUE(repair_index(*repository_, {}, reporter, Cancel()));
  EXPECT_EQ(damage(), "");
  EXPECT_EQ(content(snapshot_), files_);
}

TEST_F(Hostile, AnIndexOfManyBlobsIsFarFromTheLimit) {
  std::vector<repo::IndexedPack> packs(100);
  for (size_t i = 0; i < 20'000; ++i) {
    auto& pack = packs[i / 200];
    if (pack.blobs.empty()) pack.pack = codec::sha256(as_bytes("pack " + std::to_string(i)));
    // All of one length, as chunks of zeros have it: as little as there can be to tell beside the ids.
    const auto at = static_cast<uint32_t>(i % 200 * 1000);
    pack.blobs.push_back({BlobType::kData, codec::sha256(as_bytes(std::to_string(i))), {pack.pack, at, 1000, 5000}});
  }
  const std::string json = repo::encode_index(packs);
  const Id file = *repository_->save_file(FileType::kIndex, json, Cancel());
  EXPECT_GT(json.size(), 2u << 20) << "more than what any index may have";
  EXPECT_LT(json.size(), 6 * bytes(FileType::kIndex, file).size());
  EXPECT_TRUE(reopen()->load_index(Cancel()));
}

TEST_F(Hostile, LargeTreesThatProgramsWriteAreRead) {
  if (!PeakMemory::works()) GTEST_SKIP() << PeakMemory::kNobodyCounts;
  // As short as a program's entries get: Go leaves no time and no owner out.
  const auto entry = [](size_t number) {
    const std::string time = R"("0001-01-01T00:00:00Z")";
    return R"({"name":")" + std::to_string(number) + R"(","type":"file","mtime":)" + time + R"(,"atime":)" + time +
           R"(,"ctime":)" + time + R"(,"uid":0,"gid":0,"content":[]})";
  };
  std::vector<std::string> entries;
  for (size_t i = 100'000; i < 130'000; ++i) entries.push_back(entry(i));
  const auto json = join_tree(entries);
  const PeakMemory memory;
  const auto nodes = repo::decode_tree(json);
  ASSERT_TRUE(nodes) << nodes.error().message();
  EXPECT_EQ(nodes->size(), entries.size());
  expect_modest(memory, json.size(), 4);
}

TEST_F(Hostile, SnapshotsOfVeryManyPathsThatSayNothing) {
  if (!PeakMemory::works()) GTEST_SKIP() << PeakMemory::kNobodyCounts;
  const auto save = [&](const std::string& paths) {
    const std::string json = R"({"time":"2026-11-21T10:15:02Z","tree":")" + std::string(64, '1') + R"(","paths":[)" +
                             paths + R"(],"tags":[)" + paths + "]}";
    return *repository_->save_file(FileType::kSnapshot, json, Cancel());
  };
  const auto find = [&](const Id& id) { return repository_->find_snapshot(id.hex(), {}, Cancel()); };
  constexpr size_t kSize = 2u << 20;
  const Id nothing = save(repeated(R"("")", kSize));
  const Id large = save(repeated(R"("/a/path/as/they/are")", 5u << 20));
  for (const Id& id : {nothing, large}) {
    const PeakMemory memory;
    EXPECT_EQ(find(id).error().kind(), ErrorKind::kCorrupt);
    expect_modest(memory, 2 * kSize, 8);
  }
  const PeakMemory memory;
  const auto usual = find(save(repeated(R"("/a/path/as/they/are")", kSize)));
  ASSERT_TRUE(usual) << usual.error().message();
  EXPECT_GT(usual->paths.size(), kSize / 30);
  EXPECT_EQ(usual->paths.back(), "/a/path/as/they/are");
}

TEST_F(Hostile, DeepAndWideFoldersTakeNoMoreThanTheirTrees) {
  if (!PeakMemory::works()) GTEST_SKIP() << PeakMemory::kNobodyCounts;
  const std::string name(100, 'n');
  Id tree = save_tree({});
  {
    repo::Writer writer(*repository_, {}, Cancel());
    const auto save = [&](const std::vector<std::string>& entries) {
      const auto json = join_tree(entries);
      EXPECT_TRUE(writer.save(BlobType::kTree, to_bytes(as_bytes(json)), [](const Id&) {}));
      return codec::sha256(as_bytes(json));
    };
    for (int depth = 0; depth < 500; ++depth) {
      // Those beside the way down wait until its end was reached.
      const Id other = save({file(std::to_string(depth), "")});
      std::vector<std::string> entries = {folder("a" + name, tree)};
      for (char beside = 'b'; beside < 'z'; ++beside) entries.push_back(folder(beside + name, other));
      tree = save(entries);
    }
    ASSERT_TRUE(writer.finish());
  }
  save_snapshot(tree);
  const auto repository = reopen();
  const PeakMemory memory;
  const auto checked = repo::check(*repository, {}, {}, Cancel());
  ASSERT_TRUE(checked);
  EXPECT_TRUE(checked->ok());
  EXPECT_LT(memory.bytes(), 8u << 20);
}

}  // namespace
}  // namespace varve::maintenance
