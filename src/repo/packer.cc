#include "repo/packer.h"

#include <utility>

namespace varve::repo {

PackBuilder Packer::finished(PackBuilder pack) const {
  pack.finish(key_, codec::random_iv());
  return pack;
}

/// With the mutex held. The pack is counted last: where there is no memory for it, none is.
PackBuilder Packer::fresh(Packs& packs) {
  PackBuilder pack(capacity(), rooms_.take());
  pack.keep(PackPlace(&packs, [](void* counted) {
    auto& its = *static_cast<Packs*>(counted);
    std::lock_guard lock(its.packer->mutex_);
    --its.number;
    its.packer->changed_.notify_all();
  }));
  ++packs.number;
  changed_.notify_all();  // who waits for a pack of this type can go on
  return pack;
}

Packer::Slot* Packer::slot_to_fill(Packs& packs, size_t chosen) {
  Slot& first = packs.slots[chosen];
  Slot& second = packs.slots[1 - chosen];
  if (!first && packs.number < most_) first = fresh(packs);
  if (first) return &first;
  return second ? &second : nullptr;
}

Result<std::optional<PackBuilder>> Packer::add(BlobType type, const Id& id, ByteView unit, uint32_t plain_length,
                                               const Cancel& cancel) {
  if (unit.size() >= pack_size_) {
    PackBuilder own(unit.size() + 128);
    own.add(type, id, unit, plain_length);
    return finished(std::move(own));
  }
  uint8_t coin[1];
  random_bytes(coin);
  auto& packs = packs_[static_cast<size_t>(type)];
  std::optional<PackBuilder> full;
  {
    std::unique_lock lock(mutex_);
    Slot* slot = nullptr;
    const auto ready = [&] { return cancel.stopped() || (slot = slot_to_fill(packs, coin[0] & 1)) != nullptr; };
    changed_.wait(lock, cancel.token(), ready);
    TRY(cancel.check());
    (*slot)->add(type, id, unit, plain_length);
    if ((*slot)->size() < pack_size_ && !(*slot)->is_full()) return std::nullopt;
    full = std::exchange(*slot, std::nullopt);
  }
  return full ? Slot(finished(std::move(*full))) : std::nullopt;
}

std::vector<PackBuilder> Packer::flush() {
  std::vector<PackBuilder> left;
  for (auto& packs : packs_) {
    Slot first, second;
    {
      std::lock_guard lock(mutex_);
      first.swap(packs.slots[0]);
      second.swap(packs.slots[1]);
    }
    if (first && second && first->size() + second->size() <= pack_size_) {
      first->merge(*second);
      second.reset();
    }
    for (auto* pack : {&first, &second}) {
      if (*pack) left.push_back(finished(std::move(**pack)));
    }
  }
  return left;
}

void Packer::drop() {
  (void)flush();
  rooms_.clear();
}

}  // namespace varve::repo
