#pragma once

#include <bit>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>

#include "repo/index.h"

namespace varve::repo {

/// What the index keeps of a blob: 48 bytes. The pack is a number, its lowest bit the blob's type.
struct IndexEntry {
  Id id;
  uint32_t pack_and_type = 0;
  uint32_t offset = 0, length = 0, plain_length = 0;

  uint32_t pack() const { return pack_and_type >> 1; }
  BlobType type() const { return static_cast<BlobType>(pack_and_type & 1); }
  bool operator==(const IndexEntry&) const = default;
};
static_assert(sizeof(IndexEntry) == 48);

/// Compares ids; the first eight bytes nearly always decide.
inline bool id_before(const Id& a, const Id& b) {
  const auto head = [](const Id& id) { return __builtin_bswap64(load_le<uint64_t>(id.bytes.data())); };
  const uint64_t x = head(a);
  const uint64_t y = head(b);
  return x != y ? x < y : a < b;
}

/// Copies of a blob stand together.
inline bool operator<(const IndexEntry& a, const IndexEntry& b) {
  if (a.id != b.id) return id_before(a.id, b.id);
  return std::tuple(a.pack_and_type & 1, a.pack_and_type, a.offset, a.length, a.plain_length) <
         std::tuple(b.pack_and_type & 1, b.pack_and_type, b.offset, b.length, b.plain_length);
}

/// Packs as numbers.
class PackTable {
 public:
  uint32_t intern(const Id& pack);
  void drop(const Id& pack);
  /// Nothing if the pack was dropped.
  std::optional<Id> get(uint32_t number) const;
  std::unordered_set<uint32_t> dropped() const;
  std::vector<Id> all() const;

 private:
  mutable std::shared_mutex mutex_;
  std::vector<Id> packs_;
  std::vector<bool> dropped_;
  std::unordered_map<Id, uint32_t> numbers_;
};

/// The blobs whose ids begin with one byte: many sorted ones, what was loaded since, and what was added since.
struct IndexShard {
  using Entries = std::deque<IndexEntry>;  // grows without moving: no moment needs twice the memory

  mutable std::shared_mutex mutex;
  Entries entries;
  size_t sorted = 0;  ///< so many of the entries; those behind wait for settle and are not found
  std::unordered_multimap<Id, IndexEntry> recent;
  std::unordered_set<Id> claimed[2];

  auto sorted_end() const { return entries.begin() + static_cast<Entries::difference_type>(sorted); }

  template <typename Visit>
  void each_of(const Id& id, Visit&& visit) const {
    auto it = std::lower_bound(entries.begin(), sorted_end(), id,
                               [](const IndexEntry& entry, const Id& wanted) { return id_before(entry.id, wanted); });
    for (; it != sorted_end() && it->id == id; ++it) visit(*it);
    const auto [begin, end] = recent.equal_range(id);
    for (auto next = begin; next != end; ++next) visit(next->second);
  }

  template <typename Visit>
  void each(Visit&& visit) const {
    for (auto it = entries.begin(); it != sorted_end(); ++it) visit(*it);
    for (const auto& [id, entry] : recent) visit(entry);
  }

  bool contains(const IndexEntry& entry) const;
  void add(const IndexEntry& entry);
  /// Sorts in what was loaded and added, each entry once.
  void settle();
};

struct Index::State {
  std::array<IndexShard, 256> shards;
  PackTable packs;

  IndexShard& shard(const Id& id) { return shards[id.bytes[0]]; }

  bool known_locked(const IndexShard& shard, BlobType type, const Id& id) const {
    bool found = false;
    shard.each_of(id, [&](const IndexEntry& e) { found = found || (e.type() == type && packs.get(e.pack())); });
    return found;
  }
  /// Calls `use(shard, entry)` for every blob, with the shard locked.
  template <typename Use>
  void for_each_locked(const std::vector<PackedBlob>& blobs, Use&& use);
};

template <typename Use>
void Index::State::for_each_locked(const std::vector<PackedBlob>& blobs, Use&& use) {
  std::optional<Id> last;
  uint32_t number = 0;
  for (const auto& blob : blobs) {
    const auto& at = blob.location;
    if (last != at.pack) {
      number = packs.intern(at.pack);
      last = at.pack;
    }
    const auto type = static_cast<uint32_t>(blob.type);
    auto& its_shard = shard(blob.id);
    std::lock_guard lock(its_shard.mutex);
    use(its_shard, IndexEntry{blob.id, number << 1 | type, at.offset, at.length, at.plain_length});
    if (!its_shard.claimed[type].empty()) its_shard.claimed[type].erase(blob.id);
  }
}

}  // namespace varve::repo
