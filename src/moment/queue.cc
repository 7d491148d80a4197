#include "moment/queue.h"

namespace varve::moment {

namespace {

constexpr size_t kList = 64;

}  // namespace

Queue::~Queue() {
  if (!reading_newest_) {
    for (const auto& extent : extents_) spill_->release(extent);
  }
  for (size_t i = next_extent_; i < reading_.size(); ++i) spill_->release(reading_[i]);
  // What unread lists name stays in the file until that is closed: to know it they would have to be read.
  for (size_t i = next_list_; i < lists_.size(); ++i) spill_->release(lists_[i]);
}

Status Queue::push(std::initializer_list<ByteView> parts) {
  size_t size = 0;
  for (const ByteView part : parts) size += part.size();
  append_le(buffer_, static_cast<uint32_t>(size));
  for (const ByteView part : parts) append(buffer_, part);
  ++pieces_;
  bytes_ += size;
  count_held();
  return buffer_.size() >= flush_at_ ? flush() : Status();
}

Status Queue::flush() {
  if (buffer_.empty()) return {};
  TRY_ASSIGN(const Extent extent, spill_->write(buffer_));
  extents_.push_back(extent);
  // A buffer that flushes itself is about to be filled again.
  if (flush_at_ == UINT64_MAX || buffer_.size() > 2 * flush_at_) buffer_ = Bytes();
  buffer_.clear();
  if (extents_.size() == kList) TRY(put_away_extents());
  count_held();
  return {};
}

/// So that what is held in memory does not grow with what is in the file.
Status Queue::put_away_extents() {
  TRY_ASSIGN(const Extent list,
             spill_->write({reinterpret_cast<const uint8_t*>(extents_.data()), kList * sizeof(Extent)}));
  lists_.push_back(list);
  extents_.clear();
  return {};
}

/// Reads what was spilled next; false when nothing is left of it.
Result<bool> Queue::next_block() {
  if (next_extent_ == reading_.size() && next_list_ < lists_.size()) {
    TRY_ASSIGN(const Bytes list, spill_->read(lists_[next_list_]));
    spill_->release(lists_[next_list_++]);
    reading_.resize(kList);
    std::memcpy(reading_.data(), list.data(), list.size());
    next_extent_ = 0;
  } else if (next_extent_ == reading_.size() && !std::exchange(reading_newest_, true)) {
    reading_ = std::move(extents_);
    next_extent_ = 0;
  }
  if (next_extent_ == reading_.size()) return false;
  TRY_ASSIGN(block_, spill_->read(reading_[next_extent_]));
  spill_->release(reading_[next_extent_++]);
  rest_ = block_;
  return true;
}

Result<std::optional<ByteView>> Queue::pop() {
  while (rest_.empty()) {
    TRY_ASSIGN(const bool more, next_block());
    if (more) continue;
    if (std::exchange(reading_buffer_, true)) return std::nullopt;
    rest_ = buffer_;
    if (rest_.empty()) return std::nullopt;
  }
  const auto size = load_le<uint32_t>(rest_.data());
  const ByteView piece = rest_.subspan(sizeof size, size);
  rest_ = rest_.subspan(sizeof size + size);
  return piece;
}

}  // namespace varve::moment
