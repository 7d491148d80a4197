#include "mongo/reply_guard.h"

#include <algorithm>
#include <cstring>

namespace varve::mongo {

namespace {

constexpr uint32_t kLargest = 48'000'000 + 16 * 1024;                 // as servers and drivers have it
constexpr uint32_t kHeader = 16, kMessageHead = 25, kReplyHead = 40;  // a compressed one has 25 too
constexpr uint32_t kReply = 1, kCompressed = 2012, kMessage = 2013;   // the three kinds that servers send
constexpr uint32_t kChecksumPresent = 1;

}  // namespace

bool ReplyGuard::saw(ByteView bytes) {
  while (!bytes.empty()) {
    const size_t skipped = std::min<uint64_t>(left_, bytes.size());
    const size_t walked = std::min<uint64_t>(document_left_, skipped);
    if (!document_.saw(bytes.first(walked))) return false;
    document_left_ -= walked;
    left_ -= skipped;
    bytes = bytes.subspan(skipped);
    if (left_ > 0 || bytes.empty()) return true;
    const size_t taken = std::min(wanted_ - have_, bytes.size());
    std::memcpy(head_.data() + have_, bytes.data(), taken);
    have_ += taken;
    bytes = bytes.subspan(taken);
    if (have_ == wanted_ && !check()) return false;
  }
  return true;
}

uint32_t ReplyGuard::number(size_t at) const {
  return load_le<uint32_t>(head_.data() + at);
}

/// Whether one document fills the message from `document_at` to `after` bytes before its end.
bool ReplyGuard::fits(size_t document_at, uint32_t after) const {
  const uint64_t size = number(document_at);
  return size >= 5 && document_at + size + after == number(0);
}

/// What has come so far; decides what must come for the next look.
bool ReplyGuard::check() {
  const uint32_t length = number(0);
  if (wanted_ == 4) {
    wanted_ = kHeader;
    return length >= kMessageHead && length <= kLargest;
  }
  const uint32_t kind = number(12);
  if (wanted_ == kHeader) {
    wanted_ = kind == kReply ? kReplyHead : kMessageHead;
    return length >= wanted_ && (kind == kReply || kind == kMessage || (kind == kCompressed && compressed_));
  }
  const uint32_t checksum = kind == kMessage && (number(16) & kChecksumPresent) != 0 ? 4 : 0;
  const bool good = kind == kReply     ? number(32) == 1 && fits(36, 0)
                    : kind == kMessage ? head_[20] == 0 && fits(21, checksum)
                                       : number(20) <= kLargest;
  left_ = length - have_;
  document_left_ = kind == kCompressed ? 0 : left_ - checksum;
  document_.begin(document_left_);
  have_ = 0;
  wanted_ = 4;
  return good;
}

}  // namespace varve::mongo
