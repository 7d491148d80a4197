#include "maintenance/pack_facts.h"

#include <algorithm>

#include "maintenance/prune_plan.h"

namespace varve::maintenance {

using repo::BlobType;

template <typename Visit>
void PackSurvey::for_each_blob(Visit&& visit) const {
  for (size_t first = 0; first < rows_.size();) {
    const auto blob = rows_[first];
    size_t last = first + 1;
    while (last < rows_.size() && rows_[last].is_copy_of(blob)) ++last;
    visit(first, last);
    first = last;
  }
}

Status PackSurvey::run(repo::Repository& repository, const PruneOptions& options, PruneStats& stats,
                       const Cancel& cancel) {
  packs_.assign(rows_.packs().size(), {});
  repeated_.assign(packs_.size(), 0);
  count(repository, options, stats);
  TRY(look_at_packs(repository, cancel));
  choose(stats);
  return {};
}

/// Every copy of a blob of which there are several counts as unused first.
void PackSurvey::count(const repo::Repository& repository, const PruneOptions& options, PruneStats& stats) {
  for_each_blob([&](size_t first, size_t last) {
    const bool is_used = marks_[first] != 0;
    const bool is_only = last == first + 1;
    for (size_t i = first; i < last; ++i) {
      const auto row = rows_[i];
      PackFacts& pack = packs_[row.pack];
      pack.used_bytes += repo::header_entry_size(row.plain_length);
      (row.type == BlobType::kTree ? pack.has_trees : pack.has_data) = true;
      pack.uncompressed = pack.uncompressed || row.plain_length == 0;
      pack.rewrite = pack.rewrite || must_compress(repository.config(), options, row.type, row.plain_length);
      const bool counts_as_used = is_used && is_only;
      ++(counts_as_used ? pack.used : pack.unused);
      (counts_as_used ? pack.used_bytes : pack.unused_bytes) += row.length;
      if (is_used && !is_only) ++repeated_[row.pack];
      ++(!is_used ? stats.blobs.unused : is_only ? stats.blobs.used : stats.blobs.duplicate);
      (!is_used ? stats.bytes.unused : is_only ? stats.bytes.used : stats.bytes.duplicate) += row.length;
    }
    if (is_used && is_only) marks_[first] |= kKeep;
  });
  for (PackFacts& pack : packs_) {
    pack.used_bytes += repo::kPackOverhead;
    pack.rewrite = pack.rewrite || (pack.has_data && pack.has_trees);
  }
}

Status PackSurvey::look_at_packs(repo::Repository& repository, const Cancel& cancel) {
  const auto& ids = rows_.packs();
  std::vector<uint32_t> by_id(ids.size());
  for (uint32_t i = 0; i < by_id.size(); ++i) by_id[i] = i;
  std::sort(by_id.begin(), by_id.end(), [&](uint32_t a, uint32_t b) { return ids[a] < ids[b]; });
  return repository.storage().list(
      storage::FileType::kPack,
      [&](const storage::FileInfo& file) -> Status {
        const auto it = std::lower_bound(by_id.begin(), by_id.end(), file.id,
                                         [&](uint32_t pack, const Id& id) { return ids[pack] < id; });
        if (it == by_id.end() || ids[*it] != file.id) {
          unindexed_.push_back(file);
        } else {
          packs_[*it].present = true;
          packs_[*it].real_size = file.size;
        }
        return {};
      },
      cancel);
}

/// The lower, the better it is to keep a blob in this pack. After a crash between the writing of new packs and the
/// removal of the old ones, everything that the new ones hold is there twice: they have nothing unused, the old ones
/// have, or are to be rewritten, or are smaller.
std::vector<uint32_t> PackSurvey::ranks() const {
  std::vector<uint32_t> order(packs_.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  using Key = std::tuple<bool, bool, bool, bool, uint64_t, const Id&>;
  const auto key = [&](uint32_t number) -> Key {
    const PackFacts& pack = packs_[number];
    const bool has_garbage = pack.unused > repeated_[number];
    return {!pack.is_sound(), pack.rewrite, has_garbage, pack.used == 0, ~pack.size(), rows_.packs()[number]};
  };
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return key(a) < key(b); });
  std::vector<uint32_t> ranks(order.size());
  for (uint32_t rank = 0; rank < order.size(); ++rank) ranks[order[rank]] = rank;
  return ranks;
}

void PackSurvey::choose(PruneStats& stats) {
  if (stats.blobs.duplicate == 0) return;
  const auto rank = ranks();
  for_each_blob([&](size_t first, size_t last) {
    if ((marks_[first] & kUsed) == 0 || last == first + 1) return;
    size_t best = first;
    for (size_t i = first + 1; i < last; ++i) {
      if (rank[rows_[i].pack] < rank[rows_[best].pack]) best = i;
    }
    marks_[best] |= kKeep;
    const auto row = rows_[best];
    PackFacts& pack = packs_[row.pack];
    ++pack.used;
    --pack.unused;
    pack.used_bytes += row.length;
    pack.unused_bytes -= row.length;
    ++stats.blobs.used;
    --stats.blobs.duplicate;
    stats.bytes.used += row.length;
    stats.bytes.duplicate -= row.length;
  });
}

void PackSurvey::prefer(const std::function<bool(uint32_t)>& stays) {
  for_each_blob([&](size_t first, size_t last) {
    if ((marks_[first] & kUsed) == 0 || last == first + 1) return;
    for (size_t i = first; i < last; ++i) {
      if (!stays(rows_[i].pack)) continue;
      for (size_t j = first; j < last; ++j) marks_[j] &= static_cast<uint8_t>(~kKeep);
      marks_[i] |= kKeep;
      return;
    }
  });
}

}  // namespace varve::maintenance
