#include "mongo/document_walk.h"

#include <algorithm>

#include "bson/view.h"

namespace varve::mongo {

namespace {

using bson::Type;

/// The bytes of a value whose type has only one size; 255 for others.
uint8_t size_of(Type type) {
  switch (type) {
    case Type::kUndefined:
    case Type::kNull:
    case Type::kMinKey:
    case Type::kMaxKey:
      return 0;
    case Type::kBool:
      return 1;
    case Type::kInt32:
      return 4;
    case Type::kDouble:
    case Type::kDate:
    case Type::kTimestamp:
    case Type::kInt64:
      return 8;
    case Type::kObjectId:
      return 12;
    case Type::kDecimal128:
      return 16;
    default:
      return 255;
  }
}

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
    const uint8_t last = bytes[taken - 1];
    bytes = bytes.subspan(taken);
    if (value_left_ > 0) continue;
    if (ends_in_zero_ && last != 0) return false;
    if (static_cast<Type>(type_) == Type::kBool && last > 1) return false;
    part_ = Part::kType;
  }
  return true;
}

/// A byte that is not of a value.
bool DocumentWalk::one(uint8_t byte) {
  switch (part_) {
    case Part::kType:
      type_ = byte;
      part_ = Part::kName;
      return (byte == 0) == (left_ == 0);
    case Part::kName:
      return left_ > 0 && (byte != 0 || begin_value());
    default:
      length_[have_++] = byte;
      return left_ > 0 && (have_ < wanted_ || know_length());
  }
}

bool DocumentWalk::begin_value() {
  const auto type = static_cast<Type>(type_);
  ends_in_zero_ = false;
  if (const uint8_t size = size_of(type); size != 255) return begin_skip(size);
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
