#include "moment/key_table.h"

#include <new>

namespace varve::moment {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr uint64_t kFirst = 8;
// Behind the last home there is room for a run that begins at it. Longer ones don't happen to good hashes.
constexpr uint64_t kMostOverflow = 1024;

bool before(const Slot& slot, const codec::UInt128& hash) {
  return slot.high != hash.high ? slot.high < hash.high : slot.low < hash.low;
}

}  // namespace

uint64_t KeyTable::home(const codec::UInt128& hash) const {
  const uint64_t bits = skip_ == 0 ? hash.high : hash.high << skip_ | hash.low >> (64 - skip_);
  return static_cast<uint64_t>(Wide{bits} * capacity_ >> 64);
}

uint64_t KeyTable::lower_bound(const codec::UInt128& hash) {
  uint64_t i = home(hash);
  while (i < slots_ && used(i) && before(table_[i], hash)) ++i;
  return i;
}

Slot* KeyTable::find(const codec::UInt128& hash) {
  if (size_ == 0) return nullptr;
  const uint64_t i = lower_bound(hash);
  if (i == slots_ || !used(i) || table_[i].hash() != hash) return nullptr;
  return &table_[i];
}

Slot* KeyTable::insert(const codec::UInt128& hash) {
  if (Slot* const known = find(hash)) return known;
  if ((size_ + 1) * 4 > capacity_ * 3) resize(std::max(kFirst, capacity_ + capacity_ / 2));
  uint64_t i = lower_bound(hash);
  while (!make_room(i)) {
    overflow_ *= 2;
    resize(capacity_);
    i = lower_bound(hash);
  }
  ++size_;
  table_[i] = {.high = hash.high, .low = hash.low, .state = 0};
  return &table_[i];
}

/// Moves the run that begins at `index` by one; false if the table ends before the run does.
bool KeyTable::make_room(uint64_t index) {
  uint64_t end = index;
  while (end < slots_ && table_[end].state != 0) ++end;
  if (end == slots_) return false;
  for (; end > index; --end) table_[end] = table_[end - 1];
  return true;
}

void KeyTable::erase(Slot* slot) {
  auto i = static_cast<uint64_t>(slot - table_.get());
  for (; i + 1 < slots_ && table_[i + 1].state != 0 && home(table_[i + 1].hash()) <= i; ++i) table_[i] = table_[i + 1];
  table_[i] = {};
  --size_;
}

void KeyTable::resize(uint64_t capacity) {
  overflow_ = std::max(overflow_, std::min(capacity / 8 + 4, kMostOverflow));
  reallocate(capacity);
  while (!spread()) {
    overflow_ *= 2;
    reallocate(capacity);
  }
}

/// Larger, with the slots in use at its end.
void KeyTable::reallocate(uint64_t capacity) {
  const uint64_t old = slots_;
  capacity_ = capacity;
  slots_ = capacity + overflow_;
  Slot* const moved = static_cast<Slot*>(std::realloc(static_cast<void*>(table_.release()), slots_ * sizeof(Slot)));
  if (moved == nullptr) throw std::bad_alloc();
  table_.reset(moved);
  taken_.set(slots_ * sizeof(Slot));
  uint64_t to = slots_;
  for (uint64_t from = old; from > 0; --from) {
    if (table_[from - 1].state != 0) table_[--to] = table_[from - 1];
  }
  std::fill(table_.get(), table_.get() + to, Slot{});
}

/// From the end to their places, front first: each finds its own free, since all before it are placed and all after it
/// still fit behind. False if they don't.
bool KeyTable::spread() {
  uint64_t next = 0;
  for (uint64_t from = slots_ - size_; from < slots_; ++from) {
    const Slot slot = table_[from];
    const uint64_t to = std::max(next, home(slot.hash()));
    if (to > from) return false;
    table_[from] = {};
    table_[to] = slot;
    next = to + 1;
  }
  return true;
}

}  // namespace varve::moment
