#include "repo/packer.h"

namespace varve::repo {

PackBuilder Packer::finished(PackBuilder pack) const {
  pack.finish(key_, codec::random_iv());
  return pack;
}

std::optional<PackBuilder> Packer::add(BlobType type, const Id& id, ByteView unit, uint32_t plain_length) {
  if (unit.size() >= pack_size_) {
    PackBuilder own(unit.size() + 128);
    own.add(type, id, unit, plain_length);
    return finished(std::move(own));
  }
  uint8_t coin[1];
  random_bytes(coin);
  Slot& slot = slots_[static_cast<size_t>(type)][coin[0] & 1];
  std::optional<PackBuilder> full;
  {
    std::lock_guard lock(slot.mutex);
    if (!slot.pack) slot.pack.emplace(fresh());
    slot.pack->add(type, id, unit, plain_length);
    if (slot.pack->size() < pack_size_ && !slot.pack->is_full()) return std::nullopt;
    full.swap(slot.pack);
  }
  return finished(std::move(*full));
}

std::vector<PackBuilder> Packer::flush() {
  std::vector<PackBuilder> left;
  for (auto& pair : slots_) {
    std::scoped_lock lock(pair[0].mutex, pair[1].mutex);
    auto& first = pair[0].pack;
    auto& second = pair[1].pack;
    if (first && second && first->size() + second->size() <= pack_size_) {
      first->merge(*second);
      second.reset();
    }
    for (auto* pack : {&first, &second}) {
      if (*pack) left.push_back(finished(std::move(**pack)));
      pack->reset();
    }
  }
  return left;
}

}  // namespace varve::repo
