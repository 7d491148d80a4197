#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace varve::bson {

/// Element types as the BSON specification numbers them.
enum class Type : uint8_t {
  kDouble = 0x01,
  kString = 0x02,
  kDocument = 0x03,
  kArray = 0x04,
  kBinary = 0x05,
  kUndefined = 0x06,
  kObjectId = 0x07,
  kBool = 0x08,
  kDate = 0x09,
  kNull = 0x0a,
  kRegex = 0x0b,
  kDbPointer = 0x0c,
  kCode = 0x0d,
  kSymbol = 0x0e,
  kCodeWithScope = 0x0f,
  kInt32 = 0x10,
  kTimestamp = 0x11,
  kInt64 = 0x12,
  kDecimal128 = 0x13,
  kMinKey = 0xff,
  kMaxKey = 0x7f,
};

/// The bytes of a value, where they are as many for all values of the type.
constexpr std::optional<size_t> fixed_size(Type type) {
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
      return std::nullopt;
  }
}

class View;

/// A cluster time or oplog position.
struct Timestamp {
  uint32_t seconds = 0;
  uint32_t increment = 0;
  auto operator<=>(const Timestamp&) const = default;
  /// "1795251206:3"
  std::string text() const;
};

/// One element inside a document: name, type and raw value. Points into the document's bytes; valid as long as they
/// are.
class Element {
 public:
  Type type() const { return static_cast<Type>(raw_[0]); }
  std::string_view name() const { return name_; }
  /// Only the value's bytes.
  ByteView value() const { return value_; }
  /// Type byte, name and value: the element as it stands in the document.
  ByteView raw() const { return raw_; }

  // Each is empty where the type is another.
  std::optional<std::string_view> as_string() const;
  std::optional<View> as_document() const;
  std::optional<View> as_array() const;
  std::optional<bool> as_bool() const;      ///< booleans only
  std::optional<int64_t> as_int64() const;  ///< int32, int64, and doubles that are whole numbers
  std::optional<double> as_double() const;  ///< any number but decimals
  std::optional<Timestamp> as_timestamp() const;
  std::optional<int64_t> as_date() const;   ///< milliseconds since 1970
  std::optional<ByteView> as_uuid() const;  ///< binary subtype 4 of 16 bytes
  /// True for true and for numbers other than zero, as the server reads flags.
  bool truthy() const;

 private:
  friend class View;
  friend class Iterator;
  ByteView raw_;
  std::string_view name_;
  ByteView value_;
};

/// Walks a document's elements. The bytes need not be trusted: an element that does not fit ends the walk, and valid()
/// is then false.
class Iterator {
 public:
  explicit Iterator(ByteView document);
  /// The next element, or nothing at the end.
  std::optional<Element> next();
  /// False once bytes were met that are not BSON.
  bool valid() const { return valid_; }

 private:
  ByteView rest_;
  bool valid_ = true;
};

/// A document (or array) in bytes owned by somebody else. Copying copies the pointer.
class View {
 public:
  View() = default;
  /// `bytes` must be one whole document as check_framing accepts it.
  explicit View(ByteView bytes) : bytes_(bytes) {}

  ByteView bytes() const { return bytes_; }
  bool empty() const { return bytes_.size() <= 5; }
  /// The first element with that name; dotted paths descend into documents ("lastWrite.majorityOpTime.ts").
  std::optional<Element> find(std::string_view path) const;
  Iterator elements() const { return Iterator(bytes_); }

  // Shorthands: find, then convert; empty if absent or of another type.
  std::optional<std::string_view> string(std::string_view path) const;
  std::optional<View> document(std::string_view path) const;
  std::optional<View> array(std::string_view path) const;
  std::optional<int64_t> int64(std::string_view path) const;
  std::optional<Timestamp> timestamp(std::string_view path) const;
  bool truthy(std::string_view path) const;  ///< false if absent

 private:
  ByteView bytes_;
};

/// The size of the document at the front of `bytes`: its length field, if that fits into `bytes`, is at least 5, at
/// most `limit`, and ends in a zero byte; else nothing. Looks at nothing else: for the fast path.
std::optional<size_t> check_framing(ByteView bytes, size_t limit = 17u << 20);

/// Everything about the document's structure: every element, string, nested document, to a depth of 200.
Status validate(ByteView document);

/// The whole `_id` element (type, name, value) or empty if there is none. Fast where it comes first.
ByteView id_element(ByteView document);

/// True if a field of the top level other than `_id` is Timestamp(0,0), which a server replaces by its clock on insert.
bool has_empty_timestamp(ByteView document);

}  // namespace varve::bson
