#include "bson/document.h"

namespace varve::bson {

namespace {

constexpr std::array<uint8_t, 5> kEmpty = {5, 0, 0, 0, 0};

ByteView bytes_or_empty(View view) {
  return view.bytes().empty() ? ByteView(kEmpty) : view.bytes();
}

}  // namespace

Document::Document() : bytes_(kEmpty.begin(), kEmpty.end()) {}

Builder::Builder(Bytes room) : bytes_(std::move(room)), starts_{0} {
  bytes_.assign(4, 0);
}

void Builder::begin_element(Type type, std::string_view name) {
  bytes_.push_back(static_cast<uint8_t>(type));
  append(bytes_, as_bytes(name));
  bytes_.push_back(0);
}

Builder& Builder::add(std::string_view name, std::string_view text) {
  begin_element(Type::kString, name);
  append_le(bytes_, static_cast<int32_t>(text.size() + 1));
  append(bytes_, as_bytes(text));
  bytes_.push_back(0);
  return *this;
}

Builder& Builder::add(std::string_view name, bool value) {
  begin_element(Type::kBool, name);
  bytes_.push_back(value ? 1 : 0);
  return *this;
}

Builder& Builder::add(std::string_view name, int32_t value) {
  begin_element(Type::kInt32, name);
  append_le(bytes_, value);
  return *this;
}

Builder& Builder::add(std::string_view name, int64_t value) {
  begin_element(Type::kInt64, name);
  append_le(bytes_, value);
  return *this;
}

Builder& Builder::add(std::string_view name, double value) {
  begin_element(Type::kDouble, name);
  append_le(bytes_, value);
  return *this;
}

Builder& Builder::add(std::string_view name, Timestamp value) {
  begin_element(Type::kTimestamp, name);
  append_le(bytes_, value.increment);
  append_le(bytes_, value.seconds);
  return *this;
}

Builder& Builder::add(std::string_view name, View document) {
  begin_element(Type::kDocument, name);
  append(bytes_, bytes_or_empty(document));
  return *this;
}

Builder& Builder::add_array(std::string_view name, View array) {
  begin_element(Type::kArray, name);
  append(bytes_, bytes_or_empty(array));
  return *this;
}

Builder& Builder::add_uuid(std::string_view name, ByteView uuid16) {
  constexpr uint8_t kUuidSubtype = 4;
  begin_element(Type::kBinary, name);
  append_le(bytes_, static_cast<int32_t>(uuid16.size()));
  bytes_.push_back(kUuidSubtype);
  append(bytes_, uuid16);
  return *this;
}

Builder& Builder::add_date(std::string_view name, int64_t milliseconds) {
  begin_element(Type::kDate, name);
  append_le(bytes_, milliseconds);
  return *this;
}

Builder& Builder::add_null(std::string_view name) {
  begin_element(Type::kNull, name);
  return *this;
}

Builder& Builder::add(const Element& element) {
  append(bytes_, element.raw());
  return *this;
}

Builder& Builder::add(std::string_view name, const Element& element) {
  begin_element(element.type(), name);
  append(bytes_, element.value());
  return *this;
}

Builder& Builder::open(std::string_view name) {
  begin_element(Type::kDocument, name);
  starts_.push_back(bytes_.size());
  append_le(bytes_, int32_t{0});
  return *this;
}

Builder& Builder::open_array(std::string_view name) {
  begin_element(Type::kArray, name);
  starts_.push_back(bytes_.size());
  append_le(bytes_, int32_t{0});
  return *this;
}

Builder& Builder::end() {
  bytes_.push_back(0);
  const auto length = static_cast<int32_t>(bytes_.size() - starts_.back());
  std::memcpy(bytes_.data() + starts_.back(), &length, sizeof length);
  starts_.pop_back();
  return *this;
}

Document Builder::finish() {
  while (!starts_.empty()) end();
  Bytes done(4);
  done.swap(bytes_);
  starts_.push_back(0);
  return Document::adopt(std::move(done));
}

Document without(View document, std::string_view name) {
  Builder builder;
  auto elements = document.elements();
  while (const auto element = elements.next()) {
    if (element->name() != name) builder.add(*element);
  }
  return builder.finish();
}

}  // namespace varve::bson
