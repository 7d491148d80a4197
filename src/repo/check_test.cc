#include "repo/check.h"

#include <algorithm>
#include <atomic>

#include <gtest/gtest.h>

#include "codec/sha256.h"
#include "repo/pack.h"
#include "repo/testing/small_backup.h"
#include "repo/unpacked.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::repo {
namespace {

using namespace testing;
using storage::FileType;

class CheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BackupOptions options;
    options.blob_size = 10'000;
    snapshot_ = *back_up(*repository_, {{"dump/shop/orders.bson", orders_}, {"dump/shop/users.bson", users_}}, options);
    name_ = "snapshot " + snapshot_.short_hex() + ": ";
  }

  CheckResult run(bool read_data = true) {
    auto result = check(*repository_, {read_data}, {}, Cancel());
    EXPECT_TRUE(result) << result.error().message();
    return result ? std::move(*result) : CheckResult{};
  }
  std::vector<Finding> errors(bool read_data = true) {
    auto findings = run(read_data).findings;
    std::erase_if(findings, [](const Finding& f) { return f.severity != Finding::Severity::kError; });
    return findings;
  }
  static bool affects(const std::vector<Finding>& findings, const std::string& path) {
    return std::any_of(findings.begin(), findings.end(), [&](const Finding& f) {
      return std::any_of(f.affects.begin(), f.affects.end(), [&](const Affected& a) { return text_of(a) == path; });
    });
  }
  static std::string text_of(const Affected& affected) {
    return "snapshot " + affected.snapshot.short_hex() + ": " + (affected.path.empty() ? "/" : affected.path);
  }
  static std::string text_of(const std::vector<Finding>& findings) {
    std::string out;
    for (const auto& finding : findings) {
      out += finding.what + " [";
      for (const auto& affected : finding.affects) out += text_of(affected) + "; ";
      out += "]\n";
    }
    return out;
  }
  /// Damages, expects what check says of it, and repairs.
  void expect_damage(FileType type, const Id& id, uint64_t at, bool read_data, std::string_view what,
                     const std::string& path) {
    ASSERT_TRUE(faulty_->corrupt({type, id}, at));
    const auto found = errors(read_data);
    EXPECT_NE(text_of(found).find(what), std::string::npos) << text_of(found);
    if (!path.empty()) {
      EXPECT_TRUE(affects(found, path)) << text_of(found);
    }
    ASSERT_TRUE(faulty_->corrupt({type, id}, at));
  }
  Id only(FileType type) {
    const auto files = *list_files(*memory_, type, Cancel());
    EXPECT_EQ(files.size(), 1u);
    return files.at(0).id;
  }
  BlobLocation place_of(BlobType type, std::string_view content) {
    return repository_->index().find(type, codec::sha256(as_bytes(content))).at(0);
  }
  BlobLocation root_tree() {
    return repository_->index().find(BlobType::kTree, repository_->find_snapshot("latest", {}, Cancel())->tree).at(0);
  }
  uint64_t size_of(const Id& pack) { return *memory_->stat({FileType::kPack, pack}, Cancel()); }

  const std::string orders_ = sample_text(50'000, 1);
  const std::string users_ = sample_noise(30'000, 2);
  std::shared_ptr<storage::MemoryStorage> memory_ = std::make_shared<storage::MemoryStorage>();
  std::shared_ptr<storage::FaultStorage> faulty_ = std::make_shared<storage::FaultStorage>(memory_);
  std::unique_ptr<Repository> repository_ = make_repository(faulty_);
  Id snapshot_;
  std::string name_;
};

TEST_F(CheckTest, FindsNothingInASoundRepository) {
  const auto result = run();
  EXPECT_TRUE(result.ok());
  EXPECT_TRUE(result.findings.empty()) << text_of(result.findings);
  EXPECT_EQ(result.snapshots, 1u);
  EXPECT_EQ(result.packs, 2u);
  EXPECT_EQ(result.blobs, 8u + 3u);
  EXPECT_GT(result.bytes_read, 30'000u);
}

TEST_F(CheckTest, FindsAFlippedBitInEveryKindOfFile) {
  expect_damage(FileType::kKey, only(FileType::kKey), 30, false, "key ", "");
  expect_damage(FileType::kSnapshot, snapshot_, 30, false, "snapshot " + snapshot_.short_hex() + " is damaged", "");
  expect_damage(FileType::kIndex, only(FileType::kIndex), 30, false, "index file", name_ + "/");
  const auto blob = place_of(BlobType::kData, std::string_view(users_).substr(10'000, 10'000));
  expect_damage(FileType::kPack, blob.pack, blob.offset + 20, true, "is damaged", name_ + "dump/shop/users.bson");
  const auto tree = root_tree();
  expect_damage(FileType::kPack, tree.pack, tree.offset + 20, true, "is damaged", name_ + "/");
  expect_damage(FileType::kPack, tree.pack, tree.offset + 20, false, "cannot be read", name_ + "/");
  expect_damage(FileType::kPack, tree.pack, size_of(tree.pack) - 20, true, "header", "");
  expect_damage(FileType::kPack, tree.pack, size_of(tree.pack) - 1, true, "header", "");
  EXPECT_TRUE(run().ok());

  ASSERT_TRUE(faulty_->corrupt({FileType::kConfig, Id{}}, 30));
  const auto opened = Repository::open(memory_, kPassword, Cancel());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind(), ErrorKind::kCorrupt);
}

TEST_F(CheckTest, ABadLockIsAHint) {
  const Id id = *repository_->save_file(FileType::kLock, "{}", Cancel());
  ASSERT_TRUE(faulty_->corrupt({FileType::kLock, id}, 5));
  const auto result = run();
  EXPECT_TRUE(result.ok());
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_NE(result.findings[0].what.find(id.short_hex()), std::string::npos);
}

TEST_F(CheckTest, NamesOnlyTheFileThatABadBlobIsIn) {
  const auto blob = place_of(BlobType::kData, std::string_view(users_).substr(20'000, 10'000));
  ASSERT_TRUE(faulty_->corrupt({FileType::kPack, blob.pack}, blob.offset));
  EXPECT_TRUE(errors(false).empty());
  const auto found = errors(true);
  ASSERT_EQ(found.size(), 1u);
  ASSERT_EQ(found[0].affects.size(), 1u);
  EXPECT_EQ(text_of(found[0].affects[0]), name_ + "dump/shop/users.bson");
  EXPECT_EQ(found[0].snapshots, std::vector{snapshot_});
  EXPECT_NE(found[0].advice.find("varve repair packs " + blob.pack.hex()), std::string::npos) << found[0].advice;
}

TEST_F(CheckTest, ABadSectorIsAFindingLikeAnyOther) {
  BackupOptions options;
  options.host = "other";
  const Id other = *back_up(*repository_, {{"dump/other/a.bson", sample_noise(9'000, 3)}}, options);
  const auto blob = place_of(BlobType::kData, std::string_view(users_).substr(10'000, 10'000));
  faulty_->spoil_sector({FileType::kPack, blob.pack}, blob.offset + 20);
  EXPECT_TRUE(errors(false).empty());
  auto found = errors();
  ASSERT_EQ(found.size(), 1u) << text_of(found);
  EXPECT_NE(found[0].what.find("Input/output error"), std::string::npos) << found[0].what;
  ASSERT_EQ(found[0].affects.size(), 1u) << "blobs beside it can be read";
  EXPECT_EQ(text_of(found[0].affects[0]), name_ + "dump/shop/users.bson");

  // A tree and a snapshot: each is named, and the rest is looked at all the same.
  const Id tree = repository_->find_snapshot(other.hex(), {}, Cancel())->tree;
  const auto at = repository_->index().find(BlobType::kTree, tree).at(0);
  faulty_->spoil_sector({FileType::kPack, at.pack}, at.offset + 20);
  found = errors();
  EXPECT_TRUE(affects(found, "snapshot " + other.short_hex() + ": /")) << text_of(found);
  EXPECT_TRUE(affects(found, name_ + "dump/shop/users.bson")) << text_of(found);
  faulty_->spoil_sector({FileType::kSnapshot, other}, 20);
  found = errors();
  EXPECT_NE(text_of(found).find("snapshot " + other.short_hex() + " is damaged"), std::string::npos) << text_of(found);
  EXPECT_TRUE(affects(found, name_ + "dump/shop/users.bson")) << text_of(found);
}

/// Says of one pack that it is four gigabytes large, and notes how much is read at once.
class LargePack final : public storage::Storage {
 public:
  explicit LargePack(std::shared_ptr<storage::Storage> below) : below_(std::move(below)) {}

  Id pack;
  uint64_t size = 0;
  std::atomic<uint64_t> most_read = 0;

  Status create(const Cancel& cancel) override { return below_->create(cancel); }
  Status put(const storage::Handle& handle, storage::Payload payload, const Cancel& cancel) override {
    return below_->put(handle, payload, cancel);
  }
  Result<Bytes> get(const storage::Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override {
    most_read = std::max(most_read.load(), length);
    if (handle.id == pack && length < (1u << 20)) return Bytes(length);
    return below_->get(handle, offset, length, cancel);
  }
  Result<uint64_t> stat(const storage::Handle& handle, const Cancel& cancel) override {
    return handle.id == pack ? size : below_->stat(handle, cancel);
  }
  Status list(FileType type, const std::function<Status(const storage::FileInfo&)>& visit,
              const Cancel& cancel) override {
    if (type == FileType::kPack) TRY(visit({pack, size}));
    return below_->list(type, visit, cancel);
  }
  Status remove(const storage::Handle& handle, const Cancel& cancel) override { return below_->remove(handle, cancel); }
  std::string location() const override { return below_->location(); }

 private:
  const std::shared_ptr<storage::Storage> below_;
};

TEST_F(CheckTest, ABlobThatIsLargerThanAnyIsNotRead) {
  const auto large = std::make_shared<LargePack>(memory_);
  large->pack.bytes.fill(7);
  PackedBlob blob{BlobType::kData, {}, {large->pack, 0, 4'200'000'000u, 0}};
  blob.id.bytes.fill(8);
  large->size = pack_file_size({blob});
  ASSERT_TRUE(repository_->save_file(FileType::kIndex, encode_index({{large->pack, {blob}}}), Cancel()));
  const auto repository = *open_repository(large);
  const auto result = check(*repository, {.read_data = true}, {}, Cancel());
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_NE(text_of(result->findings).find("larger than any blob"), std::string::npos) << text_of(result->findings);
  EXPECT_LT(large->most_read, 1u << 20);
}

TEST_F(CheckTest, FindsMissingTruncatedAndExtendedPacks) {
  const Id pack = place_of(BlobType::kData, std::string_view(users_).substr(0, 10'000)).pack;
  const Bytes whole = *memory_->get({FileType::kPack, pack}, 0, 0, Cancel());
  for (const bool read_data : {false, true}) {
    ASSERT_TRUE(memory_->remove({FileType::kPack, pack}, Cancel()));
    auto found = errors(read_data);
    EXPECT_NE(text_of(found).find("pack " + pack.short_hex() + " is missing"), std::string::npos);
    EXPECT_TRUE(affects(found, name_ + "dump/shop/users.bson"));
    EXPECT_TRUE(affects(found, name_ + "dump/shop/orders.bson"));

    const auto put = [&](ByteView bytes) {
      const ByteView pieces[] = {bytes};
      ASSERT_TRUE(memory_->put({FileType::kPack, pack}, pieces, Cancel()));
    };
    put(ByteView(whole).first(100));
    found = errors(read_data);
    EXPECT_NE(text_of(found).find("has 100 bytes"), std::string::npos) << text_of(found);
    EXPECT_TRUE(affects(found, name_ + "dump/shop/users.bson"));
    ASSERT_TRUE(memory_->remove({FileType::kPack, pack}, Cancel()));

    // Only the header is cut off: nothing that a restore needs.
    put(ByteView(whole).first(whole.size() - 1));
    found = errors(read_data);
    ASSERT_EQ(found.size(), 1u) << text_of(found);
    EXPECT_TRUE(found[0].affects.empty());
    ASSERT_TRUE(memory_->remove({FileType::kPack, pack}, Cancel()));

    Bytes longer = whole;
    longer.push_back(0);
    put(longer);
    found = errors(read_data);
    ASSERT_EQ(found.size(), 1u) << text_of(found);
    EXPECT_TRUE(found[0].affects.empty());
    ASSERT_TRUE(memory_->remove({FileType::kPack, pack}, Cancel()));
    put(whole);
    EXPECT_TRUE(errors(read_data).empty());
  }
}

TEST_F(CheckTest, FindsSwappedPacks) {
  const Id data = place_of(BlobType::kData, std::string_view(users_).substr(0, 10'000)).pack;
  const Id tree = root_tree().pack;
  const Bytes data_bytes = *memory_->get({FileType::kPack, data}, 0, 0, Cancel());
  const Bytes tree_bytes = *memory_->get({FileType::kPack, tree}, 0, 0, Cancel());
  const auto replace = [&](const Id& id, ByteView bytes) {
    ASSERT_TRUE(memory_->remove({FileType::kPack, id}, Cancel()));
    const ByteView pieces[] = {bytes};
    ASSERT_TRUE(memory_->put({FileType::kPack, id}, pieces, Cancel()));
  };
  replace(data, tree_bytes);
  replace(tree, data_bytes);
  for (const bool read_data : {false, true}) {
    const auto found = errors(read_data);
    EXPECT_GE(found.size(), 2u);
    EXPECT_TRUE(affects(found, name_ + "/")) << text_of(found);
  }
}

TEST_F(CheckTest, FindsMissingBlobs) {
  // An index that leaves the pack of the data out: its blobs are missing, the pack is only in no index.
  const Id index = only(FileType::kIndex);
  const std::string json = *repository_->load_file(FileType::kIndex, index, Cancel());
  std::vector<IndexedPack> trees_only;
  Id data_pack;
  ASSERT_TRUE(decode_index(json, [&](IndexedPack pack) {
    if (pack.blobs[0].type == BlobType::kTree) {
      trees_only.push_back(std::move(pack));
    } else {
      data_pack = pack.pack;
    }
  }));
  ASSERT_TRUE(repository_->save_file(FileType::kIndex, encode_index(trees_only), Cancel()));
  ASSERT_TRUE(memory_->remove({FileType::kIndex, index}, Cancel()));
  const auto result = run();
  EXPECT_FALSE(result.ok());
  EXPECT_TRUE(affects(result.findings, name_ + "dump/shop/users.bson"));
  EXPECT_TRUE(affects(result.findings, name_ + "dump/shop/orders.bson"));
  EXPECT_NE(text_of(result.findings).find("is in no index, nor are 7 others"), std::string::npos);
  EXPECT_NE(text_of(result.findings).find("1 pack are in no index"), std::string::npos) << text_of(result.findings);
  EXPECT_EQ(result.unindexed_packs, 1u);
}

TEST_F(CheckTest, FindsAnIndexThatLiesAboutAPack) {
  const Id index = only(FileType::kIndex);
  const std::string json = *repository_->load_file(FileType::kIndex, index, Cancel());
  std::vector<IndexedPack> packs;
  ASSERT_TRUE(decode_index(json, [&](IndexedPack pack) { packs.push_back(std::move(pack)); }));
  ASSERT_TRUE(memory_->remove({FileType::kIndex, index}, Cancel()));
  const auto found_after = [&](const std::function<void(IndexedPack&)>& lie) {
    auto lying = packs;
    lie(lying[0].blobs[0].type == BlobType::kData ? lying[0] : lying[1]);
    const Id id = *repository_->save_file(FileType::kIndex, encode_index(lying), Cancel());
    const auto found = text_of(errors());
    EXPECT_TRUE(memory_->remove({FileType::kIndex, id}, Cancel()));
    return found;
  };
  const auto says = [](const std::string& found, std::string_view part) {
    return found.find(part) != std::string::npos;
  };
  EXPECT_EQ(found_after([](IndexedPack&) {}), "");
  EXPECT_TRUE(says(found_after([](auto& p) { ++p.blobs[0].location.plain_length; }), "not as the index says"));
  EXPECT_TRUE(says(found_after([](auto& p) { ++p.blobs[1].location.offset; }), "a gap or an overlap"));
  EXPECT_TRUE(says(found_after([](auto& p) { p.blobs[0].id.bytes[3] ^= 1; }), "is in no index"));
  EXPECT_TRUE(says(found_after([](auto& p) { p.blobs[0].type = BlobType::kTree; }), "is in no index"));
  EXPECT_TRUE(says(found_after([](auto& p) { p.blobs.pop_back(); }), "that the index implies"));
  EXPECT_TRUE(says(found_after([](auto& p) { p.pack.bytes[0] ^= 1; }), "is missing"));
}

TEST_F(CheckTest, RepeatedPacksAreAHintAndDifferingOnesAnError) {
  const std::string json = *repository_->load_file(FileType::kIndex, only(FileType::kIndex), Cancel());
  ASSERT_TRUE(repository_->save_file(FileType::kIndex, json, Cancel()));
  const auto result = run();
  EXPECT_TRUE(result.ok());
  ASSERT_EQ(result.findings.size(), 1u) << text_of(result.findings);
  EXPECT_NE(result.findings[0].what.find("several index files"), std::string::npos);

  std::vector<IndexedPack> packs;
  ASSERT_TRUE(decode_index(json, [&](IndexedPack pack) { packs.push_back(std::move(pack)); }));
  for (auto& pack : packs) pack.blobs.pop_back();
  ASSERT_TRUE(repository_->save_file(FileType::kIndex, encode_index(packs), Cancel()));
  EXPECT_FALSE(run().ok());
}

TEST_F(CheckTest, MixedPacksAreAHint) {
  PackBuilder builder(1000);
  for (const auto type : {BlobType::kData, BlobType::kTree}) {
    Bytes unit;
    const Bytes plain = to_bytes(as_bytes(type == BlobType::kData ? "data" : "{\"nodes\":[]}\n"));
    codec::seal(repository_->key(), codec::random_iv(), plain, unit);
    builder.add(type, codec::sha256(plain), unit, 0);
  }
  builder.finish(repository_->key(), codec::random_iv());
  const Id id = codec::sha256(builder.bytes());
  const ByteView pieces[] = {builder.bytes()};
  ASSERT_TRUE(memory_->put({FileType::kPack, id}, pieces, Cancel()));
  ASSERT_TRUE(repository_->save_file(FileType::kIndex, encode_index({{id, builder.place_in(id)}}), Cancel()));
  const auto result = run();
  EXPECT_TRUE(result.ok()) << text_of(result.findings);
  EXPECT_EQ(result.findings.size(), 1u);
}

TEST_F(CheckTest, ReportsProgress) {
  std::vector<std::string> kinds;
  uint64_t last = 0;
  const auto progress = [&](std::string_view kind, uint64_t done, uint64_t all) {
    if (kinds.empty() || kinds.back() != kind) {
      kinds.emplace_back(kind);
      last = 0;
    }
    EXPECT_GE(done, last);
    EXPECT_LE(done, all);
    last = done;
    if (kind == "packs") EXPECT_EQ(all, 2u);
  };
  ASSERT_TRUE(check(*repository_, {true}, progress, Cancel()));
  EXPECT_EQ(kinds, (std::vector<std::string>{"index files", "packs", "snapshots"}));
}

TEST_F(CheckTest, StorageThatDoesNotAnswerIsAnErrorAndNotAFinding) {
  faulty_->cut_power(1, storage::FaultStorage::Side::kBefore);
  ASSERT_FALSE(faulty_->remove({FileType::kLock, Id{}}, Cancel()));
  const auto result = check(*repository_, {true}, {}, Cancel());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace varve::repo
