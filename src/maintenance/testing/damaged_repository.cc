#include "maintenance/testing/damaged_repository.h"

#include "codec/sha256.h"
#include "repo/unpacked.h"

namespace varve::maintenance::testing {

Id DamagedRepository::store(const Files& files) {
  BackupOptions options;
  options.blob_size = kBlob;
  const auto id = back_up(*repository_, files, options);
  EXPECT_TRUE(id) << id.error().message();
  return id ? *id : Id{};
}

std::unique_ptr<repo::Repository> DamagedRepository::reopen() {
  auto opened = open_repository(faulty_);
  EXPECT_TRUE(opened) << opened.error().message();
  return opened ? std::move(*opened) : nullptr;
}

std::vector<Id> DamagedRepository::list(FileType type) {
  std::vector<Id> ids;
  const auto files = *repo::list_files(*memory_, type, Cancel());
  for (const auto& file : files) ids.push_back(file.id);
  return ids;
}

Id DamagedRepository::only(FileType type) {
  const auto ids = list(type);
  EXPECT_EQ(ids.size(), 1u);
  return ids.at(0);
}

std::string DamagedRepository::damage(bool hints) {
  const auto result = repo::check(*repository_, {.read_data = true}, {}, Cancel());
  EXPECT_TRUE(result) << result.error().message();
  std::string out;
  for (const auto& finding : result->findings) {
    if (hints || finding.severity == repo::Finding::Severity::kError) out += finding.what + "\n";
  }
  return out;
}

Files DamagedRepository::content(const Id& snapshot) {
  const auto repository = reopen();
  const auto files = read_back(*repository, snapshot);
  EXPECT_TRUE(files) << files.error().message();
  return files ? *files : Files();
}

repo::BlobLocation DamagedRepository::place_of(const std::string& content, size_t offset) {
  const Id id = codec::sha256(as_bytes(std::string_view(content).substr(offset, kBlob)));
  return reopen()->index().find(repo::BlobType::kData, id).at(0);
}

Bytes DamagedRepository::bytes(FileType type, const Id& id) {
  return *memory_->get({type, id}, 0, 0, Cancel());
}

void DamagedRepository::replace(FileType type, const Id& id, ByteView bytes) {
  remove(type, id);
  EXPECT_TRUE(memory_->put({type, id}, {&bytes, 1}, Cancel()));
}

void DamagedRepository::remove(FileType type, const Id& id) {
  EXPECT_TRUE(memory_->remove({type, id}, Cancel()));
}

std::vector<repo::IndexedPack> DamagedRepository::indexed() {
  std::vector<repo::IndexedPack> packs;
  for (const Id& file : list(FileType::kIndex)) {
    const auto json = repository_->load_file(FileType::kIndex, file, Cancel());
    EXPECT_TRUE(repo::decode_index(*json, [&](repo::IndexedPack pack) { packs.push_back(std::move(pack)); }));
  }
  return packs;
}

void DamagedRepository::lie(const std::vector<repo::IndexedPack>& packs) {
  for (const Id& file : list(FileType::kIndex)) remove(FileType::kIndex, file);
  EXPECT_TRUE(repository_->save_file(FileType::kIndex, repo::encode_index(packs), Cancel()));
}

}  // namespace varve::maintenance::testing
