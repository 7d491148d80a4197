#include "repo/index.h"

#include <algorithm>

#include "repo/index_state.h"

namespace varve::repo {

using Entry = IndexEntry;

uint32_t PackTable::intern(const Id& pack) {
  std::lock_guard lock(mutex_);
  const auto [it, added] = numbers_.try_emplace(pack, static_cast<uint32_t>(packs_.size()));
  if (added) {
    packs_.push_back(pack);
    dropped_.push_back(false);
  }
  dropped_[it->second] = false;
  return it->second;
}

void PackTable::drop(const Id& pack) {
  std::lock_guard lock(mutex_);
  if (const auto it = numbers_.find(pack); it != numbers_.end()) dropped_[it->second] = true;
}

std::optional<Id> PackTable::get(uint32_t number) const {
  std::shared_lock lock(mutex_);
  if (dropped_[number]) return std::nullopt;
  return packs_[number];
}

std::unordered_set<uint32_t> PackTable::dropped() const {
  std::shared_lock lock(mutex_);
  std::unordered_set<uint32_t> numbers;
  for (uint32_t i = 0; i < dropped_.size(); ++i) {
    if (dropped_[i]) numbers.insert(i);
  }
  return numbers;
}

std::vector<Id> PackTable::all() const {
  std::shared_lock lock(mutex_);
  return packs_;
}

/// The same pack may stand in several index files.
bool IndexShard::contains(const Entry& entry) const {
  bool found = false;
  each_of(entry.id, [&](const Entry& e) { found = found || e == entry; });
  return found;
}

void IndexShard::add(const Entry& entry) {
  if (contains(entry)) return;
  recent.emplace(entry.id, entry);
  if (recent.size() > 64 + sorted / 16) settle();
}

void IndexShard::settle() {
  for (const auto& [id, entry] : recent) entries.push_back(entry);
  recent.clear();
  const auto middle = entries.begin() + static_cast<Entries::difference_type>(sorted);
  std::sort(middle, entries.end());
  std::inplace_merge(entries.begin(), middle, entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  sorted = entries.size();
}

Index::Index() : state_(std::make_unique<State>()) {}
Index::~Index() = default;

std::vector<BlobLocation> Index::find(BlobType type, const Id& id) const {
  std::vector<BlobLocation> found;
  const auto& shard = state_->shard(id);
  std::shared_lock lock(shard.mutex);
  shard.each_of(id, [&](const Entry& e) {
    if (e.type() != type) return;
    if (const auto pack = state_->packs.get(e.pack())) found.push_back({*pack, e.offset, e.length, e.plain_length});
  });
  return found;
}

bool Index::has(BlobType type, const Id& id) const {
  const auto& shard = state_->shard(id);
  std::shared_lock lock(shard.mutex);
  return state_->known_locked(shard, type, id);
}

bool Index::claim(BlobType type, const Id& id) {
  auto& shard = state_->shard(id);
  std::lock_guard lock(shard.mutex);
  if (state_->known_locked(shard, type, id)) return false;
  return shard.claimed[static_cast<size_t>(type)].insert(id).second;
}

void Index::drop_claims() {
  for (auto& shard : state_->shards) {
    std::lock_guard lock(shard.mutex);
    for (auto& claimed : shard.claimed) claimed.clear();
  }
}

void Index::drop_pack(const Id& pack) {
  state_->packs.drop(pack);
}

void Index::forget() {
  state_ = std::make_unique<State>();
}

void Index::add_pack(const std::vector<PackedBlob>& blobs) {
  state_->for_each_locked(blobs, [](IndexShard& shard, const Entry& entry) { shard.add(entry); });
}

void Index::load_pack(const std::vector<PackedBlob>& blobs) {
  state_->for_each_locked(blobs, [](IndexShard& shard, const Entry& entry) {
    if (shard.sorted == 0 || !shard.contains(entry)) shard.entries.push_back(entry);
  });
}

void Index::settle() {
  const auto dropped = state_->packs.dropped();
  for (auto& shard : state_->shards) {
    std::lock_guard lock(shard.mutex);
    shard.settle();
    if (dropped.empty()) continue;
    std::erase_if(shard.entries, [&](const Entry& entry) { return dropped.contains(entry.pack()); });
    shard.sorted = shard.entries.size();
  }
}

size_t Index::size() const {
  size_t total = 0;
  for (const auto& shard : state_->shards) {
    std::shared_lock lock(shard.mutex);
    total += shard.sorted + shard.recent.size();
  }
  return total;
}

namespace {

/// Splits pack numbers, sorted by pack id, into runs of about a million blobs, which are then sorted together: all at
/// once would take the memory of the index once more.
class Runs {
 public:
  Runs(const std::vector<Id>& packs, const std::vector<uint32_t>& blobs_in) : rank_(packs.size()), run_(packs.size()) {
    std::vector<uint32_t> order(packs.size());
    for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return packs[a] < packs[b]; });
    uint64_t in_run = 0;
    for (uint32_t rank = 0; rank < order.size(); ++rank) {
      const uint32_t pack = order[rank];
      if (in_run > 0 && in_run + blobs_in[pack] > kBlobs) {
        ++last_;
        in_run = 0;
      }
      in_run += blobs_in[pack];
      rank_[pack] = rank;
      run_[pack] = last_;
    }
  }
  uint32_t count() const { return last_ + 1; }
  /// Packs that came after the runs were made belong to none.
  bool contains(uint32_t run, uint32_t pack) const { return pack < run_.size() && run_[pack] == run; }
  bool before(const Entry& a, const Entry& b) const {
    return std::tuple(a.pack_and_type & 1, rank_[a.pack()], a.offset) <
           std::tuple(b.pack_and_type & 1, rank_[b.pack()], b.offset);
  }

 private:
  static constexpr uint64_t kBlobs = 1u << 20;
  std::vector<uint32_t> rank_, run_;
  uint32_t last_ = 0;
};

}  // namespace

void Index::for_each(const std::function<void(BlobType, const Id&, const BlobLocation&)>& visit) const {
  const auto packs = state_->packs.all();
  std::vector<uint32_t> blobs_in(packs.size());
  const auto each_entry = [&](auto&& use) {
    for (const auto& shard : state_->shards) {
      std::shared_lock lock(shard.mutex);
      shard.each(use);
    }
  };
  each_entry([&](const Entry& e) {
    if (e.pack() < blobs_in.size()) ++blobs_in[e.pack()];
  });
  const Runs runs(packs, blobs_in);
  for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
    for (uint32_t run = 0; run < runs.count(); ++run) {
      std::vector<Entry> entries;
      each_entry([&](const Entry& e) {
        if (e.type() == type && runs.contains(run, e.pack())) entries.push_back(e);
      });
      std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) { return runs.before(a, b); });
      for (const auto& e : entries) {
        const auto pack = state_->packs.get(e.pack());
        if (pack) visit(type, e.id, {*pack, e.offset, e.length, e.plain_length});
      }
    }
  }
}

}  // namespace varve::repo
