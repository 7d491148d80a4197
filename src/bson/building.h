#pragma once

#include "bson/document.h"

namespace varve::bson {

/// Deeper than any server nests.
inline constexpr int kMaxUpdateDepth = 200;
/// More than any document takes; what a hostile update would pad an array to is stopped here.
inline constexpr size_t kMaxUpdated = 64u << 20;

/// Writes the elements of one document or array straight into the bytes of the outermost. Arrays are numbered anew.
class Building {
 public:
  explicit Building(Bytes& out) : out_(out), start_(out.size()) { append_le(out_, uint32_t{0}); }

  void add(std::string_view name, Type type, ByteView value) {
    begin(name, type);
    append(out_, value);
  }
  void add(std::string_view name, const Element& element) { add(name, element.type(), element.value()); }
  void add(const Element& element) { append(out_, element.raw()); }
  void add_null(std::string_view name) { begin(name, Type::kNull); }
  /// The element's type and name; its value is to be appended to the bytes.
  void begin(std::string_view name, Type type) {
    out_.push_back(static_cast<uint8_t>(type));
    append(out_, as_bytes(name));
    out_.push_back(0);
  }
  void finish() {
    out_.push_back(0);
    const auto size = static_cast<uint32_t>(out_.size() - start_);
    std::memcpy(out_.data() + start_, &size, sizeof size);
  }
  bool too_large() const { return out_.size() > kMaxUpdated; }
  Bytes& bytes() { return out_; }

 private:
  Bytes& out_;
  const size_t start_;
};

inline tl::unexpected<Error> too_large() {
  return fail(ErrorKind::kCorrupt, "an update makes its document larger than any document can be");
}

/// "0", "17", "007": a position in an array, as servers read it in the path of an update; nothing for anything else.
std::optional<uint32_t> array_index(std::string_view name);

}  // namespace varve::bson
