#include <algorithm>

#include <fmt/format.h>

#include "repo/checker.h"
#include "repo/pack.h"
#include "repo/unpacked.h"

namespace varve::repo {

using storage::FileInfo;
using storage::FileType;

namespace {

bool is_mixed(const std::vector<PackedBlob>& blobs) {
  return std::any_of(blobs.begin(), blobs.end(), [&](const PackedBlob& b) { return b.type != blobs.front().type; });
}

}  // namespace

Status Checker::check_index(const CheckProgress& progress) {
  TRY_ASSIGN(index_files_, list_files(repository_.storage(), FileType::kIndex, cancel_));
  uint64_t done = 0;
  for (const auto& file : index_files_) {
    if (progress) progress("index files", done++, index_files_.size());
    const auto json = load_unpacked(repository_, FileType::kIndex, file.id, file.size, cancel_);
    if (!json && !is_damage(json.error())) return fail(json.error());
    const auto decoded = json ? decode_index(*json, [&](IndexedPack pack) { note_pack(std::move(pack), file.id); })
                              : Status(fail(json.error()));
    if (decoded) continue;
    const std::string& why = decoded.error().message();
    findings_.error(json ? "index file " + file.id.short_hex() + " cannot be used: " + why : why,
                    "`varve repair index` rebuilds it from the packs");
    result_.suggest_repair_index = true;
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
                          " than an index file before it",
                      "`varve repair index` rebuilds both from the pack");
      result_.suggest_repair_index = true;
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
  if (file.size != it->second.size) wrong_size_.push_back(file);
}

Findings::Number Checker::broken_pack(const Id& pack, std::string what) {
  std::lock_guard lock(mutex_);
  result_.broken_packs.push_back(pack);
  return findings_.error(
      std::move(what), "`varve repair packs " + pack.hex() +
                           "` saves what can be read of it; `varve repair snapshots` then makes snapshots without the "
                           "rest, unless a new backup stores it again");
}

Findings::Number Checker::wrong_index(std::string what) {
  std::lock_guard lock(mutex_);
  result_.suggest_repair_index = true;
  return findings_.error(std::move(what), "`varve repair index` takes over what the pack's header says");
}

/// Either the pack was cut or grew, or the index is wrong about it: its header tells.
Status Checker::judge_size(const FileInfo& file) {
  const auto header = load_pack_header(repository_.storage(), repository_.key(), file.id, file.size, cancel_);
  if (!header && !is_damage(header.error())) return fail(header.error());
  std::string what = fmt::format("pack {} has {} bytes, not the {} that the index implies", file.id.short_hex(),
                                 file.size, packs_[file.id].size);
  const auto finding = header ? wrong_index(std::move(what)) : broken_pack(file.id, std::move(what));
  findings_.mark_pack(file.id, finding, file.size);
  return {};
}

Status Checker::check_packs() {
  TRY(repository_.storage().list(
      FileType::kPack,
      [&](const FileInfo& file) -> Status {
        note_file(file);
        return {};
      },
      cancel_));
  for (const auto& file : wrong_size_) TRY(judge_size(file));
  std::vector<Id> missing;
  for (const auto& [id, info] : packs_) {
    if (!info.present) missing.push_back(id);
  }
  std::sort(missing.begin(), missing.end());
  for (const Id& id : missing) {
    findings_.mark_pack(id, broken_pack(id, "pack " + id.short_hex() + " is missing"));
  }
  return {};
}

}  // namespace varve::repo
