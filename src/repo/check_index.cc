#include <algorithm>

#include <fmt/format.h>

#include "codec/sha256.h"
#include "repo/checker.h"
#include "repo/pack.h"
#include "repo/unpacked.h"

namespace varve::repo {

using storage::FileInfo;
using storage::FileType;

namespace {

/// The same for two entries of a pack if they list the same, in whatever order.
Id digest_of(std::vector<PackedBlob> blobs) {
  std::sort(blobs.begin(), blobs.end(), [](const PackedBlob& a, const PackedBlob& b) {
    return std::tie(a.location.offset, a.type, a.id) < std::tie(b.location.offset, b.type, b.id);
  });
  Bytes bytes = encode_pack_header(blobs);
  for (const auto& blob : blobs) append_le(bytes, blob.location.offset);
  return codec::sha256(bytes);
}

bool is_mixed(const std::vector<PackedBlob>& blobs) {
  return std::any_of(blobs.begin(), blobs.end(), [&](const PackedBlob& b) { return b.type != blobs.front().type; });
}

}  // namespace

Status Checker::check_index() {
  TRY_ASSIGN(index_files_, list_files(repository_.storage(), FileType::kIndex, cancel_));
  for (const auto& file : index_files_) {
    const auto json = load_unpacked(repository_, FileType::kIndex, file.id, file.size, cancel_);
    if (!json && !is_damage(json.error())) return fail(json.error());
    const auto decoded = json ? decode_index(*json, [&](IndexedPack pack) { note_pack(std::move(pack), file.id); })
                              : Status(fail(json.error()));
    if (decoded) continue;
    const std::string& why = decoded.error().message();
    findings_.error((json ? "index file " + file.id.short_hex() + " cannot be used: " + why : why) +
                    "; `restic repair index` rebuilds it from the packs");
  }
  return {};
}

void Checker::note_pack(IndexedPack pack, const Id& index_file) {
  if (pack.blobs.empty()) return;
  const Id digest = digest_of(pack.blobs);
  const auto [it, added] = packs_.try_emplace(pack.pack);
  if (!added) {
    if (it->second.digest == digest) {
      repeated_.push_back(pack.pack);
    } else {
      findings_.error("index file " + index_file.short_hex() + " lists other blobs of pack " + pack.pack.short_hex() +
                      " than an index file before it; `restic repair index` rebuilds both from the pack");
      index_.add_pack(pack.blobs);
    }
    return;
  }
  it->second.digest = digest;
  it->second.size = pack_file_size(pack.blobs);
  if (is_mixed(pack.blobs)) mixed_.push_back(pack.pack);
  index_.add_pack(pack.blobs);
}

void Checker::note_file(const FileInfo& file) {
  const auto it = packs_.find(file.id);
  if (it == packs_.end()) return unindexed_.push_back(file.id);
  it->second.present = true;
  it->second.real_size = file.size;
  if (file.size == it->second.size) return;
  const auto finding = findings_.error(fmt::format("pack {} has {} bytes, not the {} that the index implies",
                                                   file.id.short_hex(), file.size, it->second.size));
  findings_.mark_pack(file.id, finding, file.size);
}

Status Checker::check_packs() {
  TRY(repository_.storage().list(
      FileType::kPack,
      [&](const FileInfo& file) -> Status {
        note_file(file);
        return {};
      },
      cancel_));
  std::vector<Id> missing;
  for (const auto& [id, info] : packs_) {
    if (!info.present) missing.push_back(id);
  }
  std::sort(missing.begin(), missing.end());
  for (const Id& id : missing) {
    findings_.mark_pack(id, findings_.error("pack " + id.short_hex() + " is missing"));
  }
  return {};
}

}  // namespace varve::repo
