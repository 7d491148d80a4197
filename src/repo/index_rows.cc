#include "repo/index_rows.h"

#include <algorithm>

#include "repo/index_state.h"

namespace varve::repo {

IndexRows::IndexRows(Index& index) : index_(index) {
  index.settle();
  packs_ = index.state_->packs.all();
  for (size_t i = 0; i < 256; ++i) first_[i + 1] = first_[i] + index.state_->shards[i].sorted;
}

IndexRows::Row IndexRows::operator[](size_t row) const {
  size_t shard = row * 256 / size();  // nearly: ids are evenly spread
  while (row < first_[shard]) --shard;
  while (row >= first_[shard + 1]) ++shard;
  const IndexEntry& entry = index_.state_->shards[shard].entries[row - first_[shard]];
  return {entry.type(), entry.id, entry.pack(), entry.offset, entry.length, entry.plain_length};
}

std::optional<size_t> IndexRows::find(BlobType type, const Id& id) const {
  const IndexShard& shard = index_.state_->shards[id.bytes[0]];
  const auto before = [](const IndexEntry& entry, const std::pair<BlobType, const Id&>& wanted) {
    return entry.id == wanted.second ? entry.type() < wanted.first : id_before(entry.id, wanted.second);
  };
  const auto it =
      std::lower_bound(shard.entries.begin(), shard.sorted_end(), std::pair<BlobType, const Id&>(type, id), before);
  if (it == shard.sorted_end() || it->id != id || it->type() != type) return std::nullopt;
  return first_[id.bytes[0]] + static_cast<size_t>(it - shard.entries.begin());
}

Index::PackedBlob IndexRows::blob(size_t row) const {
  const Row at = (*this)[row];
  return {at.type, at.id, {packs_[at.pack], at.offset, at.length, at.plain_length}};
}

}  // namespace varve::repo
