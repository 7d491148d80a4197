#include "storage/cached.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "storage/memory.h"
#include "storage/testing/conformance.h"
#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

using testing::content;
using testing::handle_for;
using testing::TemporaryFolder;

/// Counts what is asked of it, and may list too little.
class Counting final : public Storage {
 public:
  explicit Counting(std::shared_ptr<Storage> below) : below_(std::move(below)) {}

  Status create(const Cancel& cancel) override { return below_->create(cancel); }
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override {
    return below_->put(handle, payload, cancel);
  }
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override {
    ++gets;
    auto bytes = below_->get(handle, offset, length, cancel);
    if (bytes && damages) bytes->front() ^= 1;
    return bytes;
  }
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override { return below_->stat(handle, cancel); }
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override {
    return lists_nothing ? Status() : below_->list(type, visit, cancel);
  }
  Status remove(const Handle& handle, const Cancel& cancel) override { return below_->remove(handle, cancel); }
  std::string location() const override { return below_->location(); }

  std::atomic<int> gets = 0;
  bool lists_nothing = false, damages = false;

 private:
  const std::shared_ptr<Storage> below_;
};

Id repository_id() {
  Id id;
  id.bytes.fill(7);
  return id;
}

class Cached : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(below_->create(Cancel())); }

  std::unique_ptr<CachedStorage> open() {
    auto storage = std::make_unique<CachedStorage>(below_);
    storage->use(*CacheFolder::open(base(), repository_id()));
    return storage;
  }
  Handle stored(FileType type, const Bytes& bytes, bool trees = false) {
    auto handle = handle_for(type, bytes);
    handle.trees = trees;
    EXPECT_TRUE(testing::put(*below_, handle, bytes));
    return handle;
  }
  std::string base() const { return folder_.path() + "/cache"; }
  std::string path_of(const Handle& handle) const {
    const std::string kind = handle.type == FileType::kPack ? "data" : "index";
    return base() + "/" + repository_id().hex() + "/" + kind + "/" + handle.id.hex().substr(0, 2) + "/" +
           handle.id.hex();
  }

  TemporaryFolder folder_;
  std::shared_ptr<Counting> below_ = std::make_shared<Counting>(std::make_shared<MemoryStorage>());
};

TEST_F(Cached, LiesAsResticsDoes) {
  open();
  std::ifstream tag(base() + "/CACHEDIR.TAG");
  std::string line;
  std::getline(tag, line);
  EXPECT_EQ(line, "Signature: 8a477f597d28d172789f06886806bc55");
  std::ifstream version(base() + "/" + repository_id().hex() + "/version");
  std::getline(version, line);
  EXPECT_EQ(line, "1");
}

TEST_F(Cached, AsksForAnIndexFileOnce) {
  const Bytes bytes = content(9'000'000);
  const auto handle = stored(FileType::kIndex, bytes);
  EXPECT_EQ(*open()->get(handle, 0, bytes.size(), Cancel()), bytes);
  const int first = below_->gets;
  EXPECT_EQ(*open()->get(handle, 0, 0, Cancel()), bytes);  // another process
  EXPECT_EQ(below_->gets, first);
}

TEST_F(Cached, KeepsWhatIsPut) {
  const Bytes bytes = content(1000);
  const auto handle = handle_for(FileType::kSnapshot, bytes);
  const auto storage = open();
  ASSERT_TRUE(testing::put(*storage, handle, bytes));
  EXPECT_EQ(*storage->get(handle, 10, 20, Cancel()), Bytes(bytes.begin() + 10, bytes.begin() + 30));
  EXPECT_EQ(below_->gets, 0);
}

TEST_F(Cached, FetchesWholePacksOfTreesAndNoOthers) {
  const Bytes trees = content(5000, 1), data = content(5000, 2);
  const auto tree_pack = stored(FileType::kPack, trees, true), data_pack = stored(FileType::kPack, data);
  const auto storage = open();
  for (const uint64_t at : {0, 100, 4999}) {
    EXPECT_EQ(storage->get(tree_pack, at, 1, Cancel())->front(), trees[at]);
    EXPECT_EQ(storage->get(data_pack, at, 1, Cancel())->front(), data[at]);
  }
  EXPECT_EQ(below_->gets, 1 + 3);
  EXPECT_FALSE(std::filesystem::exists(path_of(data_pack)));
}

TEST_F(Cached, NeverBelievesWhatLiesThere) {
  const Bytes bytes = content(5000);
  const auto handle = stored(FileType::kIndex, bytes);
  (void)open()->get(handle, 0, 0, Cancel());
  {
    std::filesystem::permissions(path_of(handle), std::filesystem::perms::owner_all);
    std::fstream file(path_of(handle), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4000);
    file.put(static_cast<char>(~bytes[4000]));
  }
  EXPECT_EQ(*open()->get(handle, 0, 0, Cancel()), bytes);
  std::filesystem::resize_file(path_of(handle), 100);
  EXPECT_EQ(*open()->get(handle, 0, 0, Cancel()), bytes);
}

TEST_F(Cached, KeepsNothingThatIsNotWhatItsNameSays) {
  const auto handle = stored(FileType::kPack, content(5000), true);
  below_->damages = true;
  const auto storage = open();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(storage->get(handle, 0, 10, Cancel()));
  EXPECT_EQ(below_->gets, 1 + 3);  // fetched once, then asked for what is wanted
  EXPECT_FALSE(std::filesystem::exists(path_of(handle)));
}

TEST_F(Cached, AListingThatIsCutShortEmptiesNothing) {
  const auto handle = stored(FileType::kIndex, content(100));
  const auto storage = open();
  (void)storage->get(handle, 0, 0, Cancel());
  below_->lists_nothing = true;
  EXPECT_TRUE(testing::listed(*storage, FileType::kIndex)->empty());
  EXPECT_TRUE(std::filesystem::exists(path_of(handle)));
  ASSERT_TRUE(below_->remove(handle, Cancel()));
  EXPECT_TRUE(testing::listed(*storage, FileType::kIndex)->empty());
  EXPECT_FALSE(std::filesystem::exists(path_of(handle)));
}

TEST_F(Cached, SeveralThreadsFetchAPackOnce) {
  const Bytes bytes = content(20'000'000);
  const auto handle = stored(FileType::kPack, bytes, true);
  const auto storage = open();
  std::vector<std::jthread> threads;
  for (uint64_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] { EXPECT_EQ(storage->get(handle, i, 1, Cancel())->front(), bytes[i]); });
  }
  threads.clear();
  EXPECT_EQ(below_->gets, 3);  // its pieces
}

TEST_F(Cached, WorksWhereNothingCanBeKept) {
  const auto handle = stored(FileType::kIndex, content(100));
  const auto storage = open();
  std::filesystem::remove_all(base());
  std::ofstream(base()) << "a file";
  EXPECT_EQ(*storage->get(handle, 0, 0, Cancel()), content(100));
  EXPECT_TRUE(testing::put(*storage, handle_for(FileType::kIndex, content(50)), content(50)));
  EXPECT_FALSE(CacheFolder::open(base(), repository_id()));
}

TEST_F(Cached, LeavesThatOfANewerVersion) {
  open();
  std::ofstream(base() + "/" + repository_id().hex() + "/version") << "2";
  EXPECT_EQ(CacheFolder::open(base(), repository_id()).error().kind(), ErrorKind::kUnsupported);
}

TEST_F(Cached, PacksThatNobodyUsesGo) {
  const auto used = stored(FileType::kPack, content(100, 1), true),
             unused = stored(FileType::kPack, content(100, 2), true);
  for (const auto& handle : {used, unused}) (void)open()->get(handle, 0, 0, Cancel());
  for (const auto& handle : {used, unused}) {
    std::filesystem::last_write_time(path_of(handle),
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(50));
  }
  (void)open()->get(used, 0, 0, Cancel());
  (*CacheFolder::open(base(), repository_id()))->drop_unused(std::chrono::hours(48));
  EXPECT_TRUE(std::filesystem::exists(path_of(used)));
  EXPECT_FALSE(std::filesystem::exists(path_of(unused)));
}

TEST_F(Cached, IsListedAndRemovedByRepository) {
  EXPECT_TRUE(cached_repositories(base())->empty());
  (void)open()->get(stored(FileType::kIndex, content(1234)), 0, 0, Cancel());
  const auto found = *cached_repositories(base());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, repository_id().hex());
  EXPECT_EQ(found[0].bytes, 1234u + 1);
  ASSERT_TRUE(remove_cached(base(), found[0].name));
  EXPECT_TRUE(cached_repositories(base())->empty());
}

}  // namespace

namespace testing {
namespace {

/// The cache goes with it.
class InFolder final : public Storage {
 public:
  InFolder() : storage_(std::make_shared<MemoryStorage>()) { storage_.use(*CacheFolder::open(folder_.path(), Id{})); }
  Status create(const Cancel& cancel) override { return storage_.create(cancel); }
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override {
    return storage_.put(handle, payload, cancel);
  }
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override {
    return storage_.get(handle, offset, length, cancel);
  }
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override { return storage_.stat(handle, cancel); }
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override {
    return storage_.list(type, visit, cancel);
  }
  Status remove(const Handle& handle, const Cancel& cancel) override { return storage_.remove(handle, cancel); }
  std::string location() const override { return storage_.location(); }

 private:
  TemporaryFolder folder_;
  CachedStorage storage_;
};

INSTANTIATE_TEST_SUITE_P(Cached, Conformance,
                         ::testing::Values(Implementation{"cached", [] { return std::make_shared<InFolder>(); }}),
                         implementation_name);

}  // namespace
}  // namespace testing
}  // namespace varve::storage
