#include "repo/index.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>

namespace varve::repo {

namespace {

/// 48 bytes a blob. The pack is a number, its lowest bit the blob's type.
struct Entry {
  Id id;
  uint32_t pack_and_type = 0;
  uint32_t offset = 0, length = 0, plain_length = 0;

  uint32_t pack() const { return pack_and_type >> 1; }
  BlobType type() const { return static_cast<BlobType>(pack_and_type & 1); }
  bool operator<(const Entry& other) const { return id < other.id; }
};
static_assert(sizeof(Entry) == 48);

/// The blobs whose ids begin with one byte: a long sorted array, and what came since it was sorted.
struct Shard {
  mutable std::shared_mutex mutex;
  std::vector<Entry> sorted;
  std::unordered_multimap<Id, Entry> recent;
  std::unordered_set<Id> claimed[2];

  template <typename Visit>
  void each_of(const Id& id, Visit&& visit) const {
    Entry key;
    key.id = id;
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), key);
    for (auto it = first; it != last; ++it) visit(*it);
    const auto [begin, end] = recent.equal_range(id);
    for (auto it = begin; it != end; ++it) visit(it->second);
  }

  template <typename Visit>
  void each(Visit&& visit) const {
    for (const auto& entry : sorted) visit(entry);
    for (const auto& [id, entry] : recent) visit(entry);
  }

  void add(const Entry& entry) {
    recent.emplace(entry.id, entry);
    if (recent.size() > 64 + sorted.size() / 16) merge();
  }

  void merge() {
    std::vector<Entry> tail;
    tail.reserve(recent.size());
    for (const auto& [id, entry] : recent) tail.push_back(entry);
    recent.clear();
    std::sort(tail.begin(), tail.end());
    std::vector<Entry> merged(sorted.size() + tail.size());  // exactly: growing by doubling would waste half
    std::merge(sorted.begin(), sorted.end(), tail.begin(), tail.end(), merged.begin());
    sorted.swap(merged);
  }
};

/// Packs as numbers.
class PackTable {
 public:
  uint32_t intern(const Id& pack) {
    std::lock_guard lock(mutex_);
    const auto [it, added] = numbers_.try_emplace(pack, static_cast<uint32_t>(packs_.size()));
    if (added) {
      packs_.push_back(pack);
      dropped_.push_back(false);
    }
    dropped_[it->second] = false;
    return it->second;
  }
  void drop(const Id& pack) {
    std::lock_guard lock(mutex_);
    if (const auto it = numbers_.find(pack); it != numbers_.end()) dropped_[it->second] = true;
  }
  /// Nothing if the pack was dropped.
  std::optional<Id> get(uint32_t number) const {
    std::shared_lock lock(mutex_);
    if (dropped_[number]) return std::nullopt;
    return packs_[number];
  }
  std::vector<Id> all() const {
    std::shared_lock lock(mutex_);
    return packs_;
  }

 private:
  mutable std::shared_mutex mutex_;
  std::vector<Id> packs_;
  std::vector<bool> dropped_;
  std::unordered_map<Id, uint32_t> numbers_;
};

}  // namespace

struct Index::State {
  std::array<Shard, 256> shards;
  PackTable packs;

  Shard& shard(const Id& id) { return shards[id.bytes[0]]; }

  bool known_locked(const Shard& shard, BlobType type, const Id& id) const {
    bool found = false;
    shard.each_of(id, [&](const Entry& e) { found = found || (e.type() == type && packs.get(e.pack())); });
    return found;
  }
};

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

void Index::add_pack(const std::vector<PackedBlob>& blobs) {
  std::optional<Id> last;
  uint32_t number = 0;
  for (const auto& blob : blobs) {
    const auto& at = blob.location;
    if (last != at.pack) {
      number = state_->packs.intern(at.pack);
      last = at.pack;
    }
    const auto type = static_cast<uint32_t>(blob.type);
    auto& shard = state_->shard(blob.id);
    std::lock_guard lock(shard.mutex);
    // The same pack may stand in several index files.
    bool same = false;
    shard.each_of(blob.id, [&](const Entry& e) {
      same = same || (e.pack_and_type == (number << 1 | type) && e.offset == at.offset && e.length == at.length &&
                      e.plain_length == at.plain_length);
    });
    if (!same) shard.add({blob.id, number << 1 | type, at.offset, at.length, at.plain_length});
    shard.claimed[type].erase(blob.id);
  }
}

size_t Index::size() const {
  size_t total = 0;
  for (const auto& shard : state_->shards) {
    std::shared_lock lock(shard.mutex);
    total += shard.sorted.size() + shard.recent.size();
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
