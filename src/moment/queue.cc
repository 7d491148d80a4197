#include "moment/queue.h"

namespace varve::moment {

Queue::~Queue() {
  for (size_t i = next_extent_; i < extents_.size(); ++i) spill_->release(extents_[i]);
}

Status Queue::push(std::initializer_list<ByteView> parts) {
  size_t size = 0;
  for (const ByteView part : parts) size += part.size();
  append_le(buffer_, static_cast<uint32_t>(size));
  for (const ByteView part : parts) append(buffer_, part);
  ++pieces_;
  bytes_ += size;
  held_.set(buffer_.capacity() + extents_.capacity() * sizeof(Extent));
  return buffer_.size() >= flush_at_ ? flush() : Status();
}

Status Queue::flush() {
  if (buffer_.empty()) return {};
  TRY_ASSIGN(const Extent extent, spill_->write(buffer_));
  extents_.push_back(extent);
  // A buffer that flushes itself is about to be filled again.
  if (flush_at_ == UINT64_MAX || buffer_.size() > 2 * flush_at_) buffer_ = Bytes();
  buffer_.clear();
  held_.set(buffer_.capacity() + extents_.capacity() * sizeof(Extent));
  return {};
}

Result<std::optional<ByteView>> Queue::pop() {
  while (rest_.empty()) {
    if (next_extent_ < extents_.size()) {
      TRY_ASSIGN(block_, spill_->read(extents_[next_extent_]));
      spill_->release(extents_[next_extent_++]);
      rest_ = block_;
    } else if (!std::exchange(reading_buffer_, true)) {
      rest_ = buffer_;
    } else {
      return std::nullopt;
    }
  }
  const auto size = load_le<uint32_t>(rest_.data());
  const ByteView piece = rest_.subspan(sizeof size, size);
  rest_ = rest_.subspan(sizeof size + size);
  return piece;
}

}  // namespace varve::moment
