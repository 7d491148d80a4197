#include "maintenance/index_replacement.h"

#include <algorithm>

#include "maintenance/read_back.h"
#include "repo/pack.h"
#include "storage/remove_all.h"

namespace varve::maintenance {

using storage::FileType;

Result<std::vector<repo::IndexedPack>> read_index_file(repo::Repository& repository, const Id& file,
                                                       const Cancel& cancel) {
  TRY_ASSIGN(const auto json, repository.load_file(FileType::kIndex, file, cancel));
  std::vector<repo::IndexedPack> packs;
  auto decoded = repo::decode_index(json, [&](repo::IndexedPack pack) { packs.push_back(std::move(pack)); });
  if (!decoded) return fail(std::move(decoded).error().within("index file " + file.short_hex()));
  return packs;
}

void join(const std::vector<repo::PackedBlob>& from, std::vector<repo::PackedBlob>& to) {
  to.insert(to.end(), from.begin(), from.end());
  repo::sort_by_place(to);
  to.erase(std::unique(to.begin(), to.end()), to.end());
}

Status IndexReplacement::rewrite(const Id& file, const std::function<bool(const IndexedPack&)>& keep,
                                 const Cancel& cancel) {
  TRY_ASSIGN(auto packs, read_index_file(repository_, file, cancel));
  for (auto& pack : packs) {
    if (keep(pack)) TRY(add(std::move(pack), cancel));
  }
  discard(file);
  return {};
}

Status IndexReplacement::finish(const Cancel& cancel) {
  TRY(writer_.finish(cancel));
  TRY(read_back_index(repository_, writer_.files(), cancel));
  if (!old_.empty()) TRY(repository_.confirm_locks(cancel));
  std::vector<storage::Handle> files;
  for (const Id& file : old_) files.push_back({FileType::kIndex, file});
  Status outcome;
  const auto note = [&](const storage::Handle&, const Status& removed) {
    if (!removed) outcome = removed;
  };
  TRY(storage::remove_all(repository_.storage(), files, note, cancel));
  return outcome;
}

}  // namespace varve::maintenance
