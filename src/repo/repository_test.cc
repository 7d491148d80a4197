#include "repo/repository.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "repo/keys.h"
#include "repo/testing/small_backup.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::repo {
namespace {

using namespace testing;
using storage::FileType;

class RepositoryTest : public ::testing::Test {
 protected:
  std::shared_ptr<storage::MemoryStorage> memory_ = std::make_shared<storage::MemoryStorage>();
  const Cancel cancel_;
};

TEST_F(RepositoryTest, OpensWithItsPasswordOnly) {
  const Config made = make_repository(memory_)->config();
  EXPECT_EQ(made.version, 2u);
  const auto opened = Repository::open(memory_, kPassword, cancel_);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ((*opened)->config().id, made.id);
  EXPECT_EQ((*opened)->config().polynomial, made.polynomial);
  EXPECT_EQ(Repository::open(memory_, "wrong", cancel_).error().kind(), ErrorKind::kWrongPassword);
  EXPECT_EQ(Repository::init(memory_, "x", std::nullopt, kCheapKey, cancel_).error().kind(), ErrorKind::kExists);
}

TEST_F(RepositoryTest, IsNotThereBeforeInit) {
  EXPECT_EQ(Repository::open(memory_, kPassword, cancel_).error().kind(), ErrorKind::kNoRepository);
}

TEST_F(RepositoryTest, EveryKeyOpensAndABrokenOneLocksNobodyOut) {
  const auto repository = make_repository(memory_);
  const auto second = make_key_file(repository->key(), "zweites", kCheapKey, Time{});
  ASSERT_TRUE(save_key(*memory_, *second, cancel_));
  for (int i = 0; i < 8; ++i) {
    const std::string junk = "{\"kdf\":" + std::to_string(i);
    const ByteView pieces[] = {as_bytes(junk)};
    Id id;
    id.bytes.fill(static_cast<uint8_t>(i * 30));
    ASSERT_TRUE(memory_->put({FileType::kKey, id}, pieces, cancel_));
  }
  EXPECT_TRUE(Repository::open(memory_, kPassword, cancel_));
  EXPECT_TRUE(Repository::open(memory_, "zweites", cancel_));
  const auto wrong = Repository::open(memory_, "drittes", cancel_);
  EXPECT_EQ(wrong.error().kind(), ErrorKind::kWrongPassword);
  EXPECT_EQ(wrong.error().hints().size(), 8u + 1) << "the keys passed over, and where passwords come from";
}

TEST_F(RepositoryTest, AnInterruptedInitIsFoundOrUndone) {
  for (const auto side : {storage::FaultStorage::Side::kBefore, storage::FaultStorage::Side::kAfter}) {
    for (unsigned write = 1; write <= 3; ++write) {
      const auto below = std::make_shared<storage::MemoryStorage>();
      const auto faulty = std::make_shared<storage::FaultStorage>(below);
      faulty->cut_power(write, side);
      EXPECT_FALSE(Repository::init(faulty, kPassword, std::nullopt, kCheapKey, cancel_));
      const auto opened = Repository::open(below, kPassword, cancel_);
      const bool config_was_written = write == 3 && side == storage::FaultStorage::Side::kAfter;
      EXPECT_EQ(bool(opened), config_was_written);
      if (!opened) {
        EXPECT_EQ(opened.error().kind(), ErrorKind::kNoRepository);
      }
    }
  }
}

TEST_F(RepositoryTest, FindsSnapshots) {
  const auto repository = make_repository(memory_);
  BackupOptions options;
  std::vector<Id> ids;
  for (int day = 0; day < 3; ++day) {
    options.time += std::chrono::hours(24);
    options.tags = day == 1 ? std::vector<std::string>{"weekly"} : std::vector<std::string>{};
    ids.push_back(*back_up(*repository, {{"a", std::to_string(day)}}, options));
  }
  options.time += std::chrono::hours(24);
  options.tags = {"oplog"};
  const Id oplog = *back_up(*repository, {{"o", "x"}}, options);

  const auto find = [&](std::string_view name, const SnapshotFilter& filter = {}) {
    return repository->find_snapshot(name, filter, cancel_);
  };
  EXPECT_EQ(find("latest")->id, ids[2]);
  EXPECT_EQ(find("latest", {{"shop"}, {"/mongodb/shop"}, {{"weekly"}}})->id, ids[1]);
  EXPECT_EQ(find("latest", {{}, {}, {{"oplog"}}})->id, oplog);
  EXPECT_EQ(find(ids[0].hex())->id, ids[0]);
  std::string upper = ids[0].hex().substr(0, 20);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  EXPECT_EQ(find(upper)->id, ids[0]);
  const auto none = find("latest", {{"other"}, {}, {}});
  EXPECT_EQ(none.error().kind(), ErrorKind::kNotFound);
  EXPECT_NE(none.error().message().find("host other"), std::string::npos);
  EXPECT_EQ(none.error().hints().size(), 4u);
  EXPECT_EQ(find("yesterday").error().kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(find("").error().kind(), ErrorKind::kInvalidInput);
  const auto all = repository->snapshots(cancel_);
  ASSERT_EQ(all->size(), 4u);
  EXPECT_EQ(all->front().id, ids[0]);
  EXPECT_EQ(all->back().id, oplog);
}

TEST_F(RepositoryTest, NamesTheCandidatesOfAnAmbiguousPrefix) {
  const auto repository = make_repository(memory_);
  std::array<int, 16> first_digits{};
  for (int i = 0; i < 17; ++i) {
    const Id id = *back_up(*repository, {{"a", std::to_string(i)}});
    ++first_digits[id.bytes[0] >> 4];
  }
  for (size_t digit = 0; digit < 16; ++digit) {
    const std::string name(1, "0123456789abcdef"[digit]);
    const auto found = repository->find_snapshot(name, {}, cancel_);
    if (first_digits[digit] == 1) {
      EXPECT_TRUE(found);
    } else {
      EXPECT_EQ(found.error().kind(), first_digits[digit] == 0 ? ErrorKind::kNotFound : ErrorKind::kInvalidInput);
      EXPECT_FALSE(found.error().hints().empty());
    }
  }
}

TEST_F(RepositoryTest, FilesAreVerifiedByName) {
  const auto faulty = std::make_shared<storage::FaultStorage>(memory_);
  const auto repository = make_repository(faulty);
  const auto id = repository->save_file(FileType::kIndex, "{\"packs\":[]}\n", cancel_);
  ASSERT_TRUE(id);
  EXPECT_EQ(*repository->load_file(FileType::kIndex, *id, cancel_), "{\"packs\":[]}\n");
  const uint64_t size = *memory_->stat({FileType::kIndex, *id}, cancel_);
  for (uint64_t at = 0; at < size; ++at) {
    ASSERT_TRUE(faulty->corrupt({FileType::kIndex, *id}, at));
    const auto loaded = repository->load_file(FileType::kIndex, *id, cancel_);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().kind(), ErrorKind::kCorrupt);
    EXPECT_NE(loaded.error().message().find(id->short_hex()), std::string::npos);
    ASSERT_TRUE(faulty->corrupt({FileType::kIndex, *id}, at));
  }
}

TEST_F(RepositoryTest, ReadsFilesByPath) {
  const auto repository = make_repository(memory_);
  const Files files = {{"dump/shop/orders.bson", sample_text(300'000, 1)}, {"dump/empty", ""}, {"x", "y"}};
  BackupOptions options;
  options.blob_size = 1000;
  const Id id = *back_up(*repository, files, options);
  EXPECT_EQ(*read_back(*repository, id), files);

  const Id tree = repository->find_snapshot("latest", {}, cancel_)->tree;
  const auto node = find_node(*repository, tree, "dump/shop/orders.bson", cancel_);
  ASSERT_TRUE(node) << node.error().message();
  EXPECT_EQ(as_text(*read_file(*repository, *node, cancel_)), files.at("dump/shop/orders.bson"));
  EXPECT_EQ(read_file(*repository, *node, cancel_, 1000).error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(find_node(*repository, tree, "/dump//shop/", cancel_)->type, NodeType::kDir);
  EXPECT_EQ(find_node(*repository, tree, "", cancel_)->subtree, tree);
  for (const char* missing : {"dump/shop/users.bson", "x/y", "dumps", "dump/empty/z"}) {
    EXPECT_EQ(find_node(*repository, tree, missing, cancel_).error().kind(), ErrorKind::kNotFound) << missing;
  }
}

TEST_F(RepositoryTest, ABadCopyOfABlobIsReplacedByAGoodOne) {
  const auto faulty = std::make_shared<storage::FaultStorage>(memory_);
  const auto repository = make_repository(faulty);
  const Files files = {{"a", sample_text(5000, 1)}};
  const Id first = *back_up(*repository, files);
  // Somebody who has not seen the first index stores everything again.
  const auto other = Repository::open(faulty, kPassword, cancel_);
  ASSERT_TRUE(back_up(**other, files));
  const auto both = open_repository(faulty);
  std::vector<Id> packs;
  ASSERT_TRUE(memory_->list(
      FileType::kPack,
      [&](const auto& file) {
        packs.push_back(file.id);
        return Status();
      },
      cancel_));
  ASSERT_EQ(packs.size(), 4u);
  for (const Id& pack : packs) {
    ASSERT_TRUE(faulty->corrupt({FileType::kPack, pack}, 20));
    EXPECT_EQ(*read_back(**both, first), files);
    ASSERT_TRUE(faulty->corrupt({FileType::kPack, pack}, 20));
  }
  for (const Id& pack : packs) ASSERT_TRUE(faulty->corrupt({FileType::kPack, pack}, 20));
  const auto lost = read_back(**both, first);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind(), ErrorKind::kCorrupt);
  EXPECT_NE(lost.error().message().find("in pack"), std::string::npos);
}

}  // namespace
}  // namespace varve::repo
