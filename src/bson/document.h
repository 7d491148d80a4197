#pragma once

#include <initializer_list>
#include <string>

#include "bson/view.h"

namespace varve::bson {

/// A document that owns its bytes. A moved-from one is empty.
class Document {
 public:
  Document();  ///< {}
  explicit Document(ByteView copy_of) : bytes_(to_bytes(copy_of)) {}
  static Document adopt(Bytes bytes) {
    Document d;
    d.bytes_ = std::move(bytes);
    return d;
  }

  View view() const { return View(bytes_); }
  operator View() const { return view(); }
  ByteView bytes() const { return bytes_; }
  Bytes release() && { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

/// Writes a document element by element, in the order of the calls. Names must not hold zero bytes. One thread at a
/// time.
///   Builder b;
///   b.add("find", name).open("filter").add("x", int32_t{1}).end();
///   Document command = b.finish();
class Builder {
 public:
  Builder() : Builder(Bytes()) {}
  /// Writes into a buffer's room; what it held is gone.
  explicit Builder(Bytes room);

  Builder& add(std::string_view name, std::string_view text);
  Builder& add(std::string_view name, const char* text) { return add(name, std::string_view(text)); }
  Builder& add(std::string_view name, bool value);
  Builder& add(std::string_view name, int32_t value);
  Builder& add(std::string_view name, int64_t value);
  Builder& add(std::string_view name, double value);
  Builder& add(std::string_view name, Timestamp value);
  Builder& add(std::string_view name, View document);
  Builder& add_array(std::string_view name, View array);
  Builder& add_uuid(std::string_view name, ByteView uuid16);
  Builder& add_date(std::string_view name, int64_t milliseconds);
  Builder& add_null(std::string_view name);
  /// The element as it is, and the same under another name.
  Builder& add(const Element& element);
  Builder& add(std::string_view name, const Element& element);

  /// Opens a nested document or array; every add goes into it until end().
  Builder& open(std::string_view name);
  Builder& open_array(std::string_view name);
  Builder& end();

  /// Closes the document and whatever is still open in it; the builder is empty afterwards.
  Document finish();

 private:
  void begin_element(Type type, std::string_view name);
  Bytes bytes_;
  std::vector<size_t> starts_;
};

/// The document without the elements of that name at its top level.
Document without(View document, std::string_view name);

}  // namespace varve::bson
