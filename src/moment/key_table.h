#pragma once

#include <cstdlib>
#include <memory>
#include <span>

#include "codec/hash.h"
#include "moment/pool.h"

namespace varve::moment {

/// What is known of one key. 24 bytes, so that tens of millions fit into memory.
struct Slot {
  enum Kind : uint64_t { kEmpty, kGone, kDocument, kUpdates };
  // Flags.
  static constexpr uint64_t kMet = 1 << 2;        ///< the base's document was met while merging
  static constexpr uint64_t kNotInBase = 1 << 3;  ///< the key came by an insert after the base was read
  static constexpr uint64_t kInserted = 1 << 4;   ///< the document came by an insert: its place is behind the base's
  static constexpr uint64_t kUpsert = 1 << 5;     ///< the updates begin with the document they create if there is none

  uint64_t high = 0, low = 0;  // of the key's hash
  uint64_t state = 0;          // place << 16 | flags | kind

  Kind kind() const { return static_cast<Kind>(state & 3); }
  bool has(uint64_t flag) const { return (state & flag) != 0; }
  bool has_record() const { return kind() == kDocument || kind() == kUpdates; }
  uint64_t place() const { return state >> 16; }
  void set(Kind kind, uint64_t flags, uint64_t place) { state = place << 16 | flags | kind; }
  void move_to(uint64_t place) { state = place << 16 | (state & 0xffff); }
  codec::UInt128 hash() const { return {.low = low, .high = high}; }
};

/// Slots by 128-bit hash: open addressing, the slots in the hashes' order, which makes looking up a key that is not
/// there as quick as one that is, and lets the table grow in place. `skip` is the number of leading bits that are the
/// same in all of its hashes. One thread, but several may look up and mark at once while nothing is added.
class KeyTable {
 public:
  KeyTable(Pool& pool, unsigned skip) : skip_(skip), taken_(pool.index) {}

  /// The key's slot or nullptr.
  Slot* find(const codec::UInt128& hash);
  /// The key's slot, a new empty one if need be: the caller sets its state at once. Moves other slots.
  Slot* insert(const codec::UInt128& hash);
  void erase(Slot* slot);

  uint64_t size() const { return size_; }
  uint64_t bytes() const { return taken_.bytes(); }
  /// Calls `visit(Slot&)` for every slot in use, in the order of the hashes.
  template <typename Visit>
  void each(Visit visit) {
    for (uint64_t i = 0; i < slots_; ++i) {
      if (table_[i].state != 0) visit(table_[i]);
    }
  }
  /// Gives up the order for the use of the memory: the slots that `wanted` picks, at the front. Only these are left,
  /// and nothing but this list may be used afterwards.
  template <typename Wanted>
  std::span<Slot> pick(Wanted wanted) {
    uint64_t taken = 0;
    for (uint64_t i = 0; i < slots_; ++i) {
      if (table_[i].state != 0 && wanted(table_[i])) table_[taken++] = table_[i];
    }
    return {table_.get(), static_cast<size_t>(taken)};
  }

 private:
  struct Free {
    void operator()(Slot* slots) const { std::free(slots); }
  };
  uint64_t home(const codec::UInt128& hash) const;
  uint64_t lower_bound(const codec::UInt128& hash);
  /// Others may mark the slot at the same time.
  bool used(uint64_t index) { return std::atomic_ref(table_[index].state).load(std::memory_order_relaxed) != 0; }
  bool make_room(uint64_t index);
  void resize(uint64_t capacity);
  void reallocate(uint64_t capacity);
  bool spread();

  const unsigned skip_;
  std::unique_ptr<Slot[], Free> table_;
  uint64_t capacity_ = 0;  // homes
  uint64_t overflow_ = 0;  // slots behind the last home
  uint64_t slots_ = 0;     // both
  uint64_t size_ = 0;
  Taken taken_;
};

}  // namespace varve::moment
