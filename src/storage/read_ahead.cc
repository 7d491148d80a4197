#include "storage/read_ahead.h"

#include <algorithm>

namespace varve::storage {

namespace {

constexpr uint64_t kBlock = 1u << 20;
constexpr size_t kMaxBlocks = 64;

}  // namespace

Result<Bytes> ReadAhead::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  const auto read_just_that = [&] { return below_.get(handle, offset, length, cancel); };
  if (!is_far_ || handle.type != FileType::kPack || length == 0) return read_just_that();
  const uint64_t begin = offset - offset % kBlock;
  if (length > begin + kBlock - offset) return read_just_that();  // it does not lie in one block
  TRY_ASSIGN(const uint64_t size, size_of(handle, cancel));
  if (offset + length > size) return read_just_that();

  const auto block = block_at(handle.id, begin);
  const std::lock_guard lock(block->mutex);
  if (!block->given.emplace(offset, length).second) return read_just_that();
  if (!block->bytes) {
    auto bytes = below_.get(handle, begin, std::min(kBlock, size - begin), cancel);
    if (!bytes) return bytes.error().kind() == ErrorKind::kCorrupt ? read_just_that() : std::move(bytes);
    block->bytes = std::move(*bytes);
  }
  const auto from = block->bytes->begin() + static_cast<std::ptrdiff_t>(offset - begin);
  return Bytes(from, from + static_cast<std::ptrdiff_t>(length));
}

ReadAhead::BlockPtr ReadAhead::block_at(const Id& pack, uint64_t begin) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find_if(blocks_, [&](const auto& block) { return block->pack == pack && block->begin == begin; });
  if (found != blocks_.end()) {
    blocks_.splice(blocks_.begin(), blocks_, found);
  } else {
    blocks_.push_front(std::make_shared<Block>(pack, begin));
    if (blocks_.size() > kMaxBlocks) blocks_.pop_back();
  }
  return blocks_.front();
}

Result<uint64_t> ReadAhead::size_of(const Handle& pack, const Cancel& cancel) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = sizes_.find(pack.id); known != sizes_.end()) return known->second;
  }
  TRY_ASSIGN(const uint64_t size, below_.stat(pack, cancel));
  const std::lock_guard lock(mutex_);
  sizes_.emplace(pack.id, size);
  return size;
}

}  // namespace varve::storage
