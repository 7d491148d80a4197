#include "mongo/document_walk.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "bson/view.h"

namespace varve::mongo {

namespace {

using bson::Type;

}  // namespace

void DocumentWalk::begin(uint64_t size) {
  *this = {};
  left_ = size;
}

bool DocumentWalk::saw(ByteView bytes) {
  while (!bytes.empty()) {
    if (part_ != Part::kValue) {
      --left_;
      if (!one(bytes[0])) return false;
      bytes = bytes.subspan(1);
      continue;
    }
    const size_t taken = std::min<uint64_t>(value_left_, bytes.size());
    value_left_ -= taken;
    left_ -= taken;
    for (const uint8_t byte : bytes.first(taken).last(std::min<size_t>(taken, 8))) {
      number_ = number_ >> 8 | uint64_t{byte} << 56;
    }
    const uint8_t last = bytes[taken - 1];
    bytes = bytes.subspan(taken);
    if (value_left_ > 0) continue;
    if (!end_value(last)) return false;
    part_ = Part::kType;
  }
  return true;
}

bool DocumentWalk::end_value(uint8_t last) const {
  if (ends_in_zero_ && last != 0) return false;
  const auto type = static_cast<Type>(type_);
  if (type == Type::kBool && last > 1) return false;
  if (name_size_ != 5 || std::memcmp(name_.data(), "code", 5) != 0) return true;
  // An error's number: the driver aborts on one of which the lower half is zero.
  if (type == Type::kInt32) return number_ >> 32 != 0;
  if (type == Type::kInt64) return static_cast<uint32_t>(number_) != 0;
  const auto value = std::bit_cast<double>(number_);
  return type != Type::kDouble || (value >= 1 && value < 0x1p31);
}

/// A byte that is not of a value.
bool DocumentWalk::one(uint8_t byte) {
  switch (part_) {
    case Part::kType:
      type_ = byte;
      part_ = Part::kName;
      name_size_ = 0;
      return (byte == 0) == (left_ == 0);
    case Part::kName:
      if (name_size_ < name_.size()) name_[name_size_] = byte;
      ++name_size_;
      return left_ > 0 && (byte != 0 || begin_value());
    default:
      length_[have_++] = byte;
      return left_ > 0 && (have_ < wanted_ || know_length());
  }
}

bool DocumentWalk::begin_value() {
  const auto type = static_cast<Type>(type_);
  ends_in_zero_ = false;
  if (const auto size = bson::fixed_size(type)) return begin_skip(*size);
  // Servers answer with no others, which are harder to walk over.
  const bool text = type == Type::kString || type == Type::kDocument || type == Type::kArray;
  if (!text && type != Type::kBinary) return false;
  part_ = Part::kLength;
  have_ = 0;
  wanted_ = text ? 4 : 5;
  return true;
}

bool DocumentWalk::know_length() {
  constexpr uint8_t kOldBinary = 2;  // has another length inside
  const uint64_t length = load_le<uint32_t>(length_.data());
  switch (static_cast<Type>(type_)) {
    case Type::kString:
      ends_in_zero_ = true;
      return length >= 1 && begin_skip(length);
    case Type::kBinary:
      return length_[4] != kOldBinary && begin_skip(length);
    default:
      ends_in_zero_ = true;
      return length >= 5 && begin_skip(length - 4);
  }
}

/// A value of that size begins, after which the document's last byte must come at least.
bool DocumentWalk::begin_skip(uint64_t size) {
  value_left_ = size;
  part_ = size > 0 ? Part::kValue : Part::kType;
  return size < left_;
}

}  // namespace varve::mongo
