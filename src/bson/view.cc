#include "bson/view.h"

#include <cmath>

namespace varve::bson {

std::string Timestamp::text() const {
  return std::to_string(seconds) + ":" + std::to_string(increment);
}

std::optional<std::string_view> Element::as_string() const {
  if (type() != Type::kString) return std::nullopt;
  return as_text(value_.subspan(4, value_.size() - 5));
}

std::optional<View> Element::as_document() const {
  if (type() != Type::kDocument) return std::nullopt;
  return View(value_);
}

std::optional<View> Element::as_array() const {
  if (type() != Type::kArray) return std::nullopt;
  return View(value_);
}

std::optional<bool> Element::as_bool() const {
  if (type() != Type::kBool) return std::nullopt;
  return value_[0] != 0;
}

std::optional<int64_t> Element::as_int64() const {
  if (type() == Type::kInt32) return load_le<int32_t>(value_.data());
  if (type() == Type::kInt64) return load_le<int64_t>(value_.data());
  if (type() != Type::kDouble) return std::nullopt;
  const auto number = load_le<double>(value_.data());
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (!(number >= -kTwoTo63 && number < kTwoTo63) || number != std::trunc(number)) return std::nullopt;
  return static_cast<int64_t>(number);
}

std::optional<double> Element::as_double() const {
  if (type() == Type::kInt32) return load_le<int32_t>(value_.data());
  if (type() == Type::kInt64) return static_cast<double>(load_le<int64_t>(value_.data()));
  if (type() == Type::kDouble) return load_le<double>(value_.data());
  return std::nullopt;
}

std::optional<Timestamp> Element::as_timestamp() const {
  if (type() != Type::kTimestamp) return std::nullopt;
  return Timestamp{load_le<uint32_t>(value_.data() + 4), load_le<uint32_t>(value_.data())};
}

std::optional<int64_t> Element::as_date() const {
  if (type() != Type::kDate) return std::nullopt;
  return load_le<int64_t>(value_.data());
}

std::optional<ByteView> Element::as_uuid() const {
  if (type() != Type::kBinary || value_.size() != 5 + 16 || value_[4] != 4) return std::nullopt;
  return value_.subspan(5);
}

bool Element::truthy() const {
  if (const auto flag = as_bool()) return *flag;
  if (const auto number = as_double()) return *number != 0;
  return false;
}

std::optional<Element> View::find(std::string_view path) const {
  const size_t dot = path.find('.');
  const std::string_view head = path.substr(0, dot);
  std::optional<Element> container;
  Iterator iterator(bytes_);
  while (auto element = iterator.next()) {
    if (element->name() == path) return element;
    const bool descends = element->type() == Type::kDocument || element->type() == Type::kArray;
    if (!container && descends && element->name() == head) container = element;
  }
  if (!container || dot == std::string_view::npos) return std::nullopt;
  return View(container->value()).find(path.substr(dot + 1));
}

std::optional<std::string_view> View::string(std::string_view path) const {
  const auto element = find(path);
  return element ? element->as_string() : std::nullopt;
}

std::optional<View> View::document(std::string_view path) const {
  const auto element = find(path);
  return element ? element->as_document() : std::nullopt;
}

std::optional<View> View::array(std::string_view path) const {
  const auto element = find(path);
  return element ? element->as_array() : std::nullopt;
}

std::optional<int64_t> View::int64(std::string_view path) const {
  const auto element = find(path);
  return element ? element->as_int64() : std::nullopt;
}

std::optional<Timestamp> View::timestamp(std::string_view path) const {
  const auto element = find(path);
  return element ? element->as_timestamp() : std::nullopt;
}

bool View::truthy(std::string_view path) const {
  const auto element = find(path);
  return element && element->truthy();
}

ByteView id_element(ByteView document) {
  Iterator iterator(document);
  while (auto element = iterator.next()) {
    if (element->name() == "_id") return element->raw();
  }
  return {};
}

bool has_empty_timestamp(ByteView document) {
  // Most documents do not hold the type's byte anywhere, and memchr runs at the speed of memory.
  if (document.empty() || std::memchr(document.data(), static_cast<int>(Type::kTimestamp), document.size()) == nullptr)
    return false;
  Iterator iterator(document);
  while (auto element = iterator.next()) {
    if (element->as_timestamp() == Timestamp{} && element->name() != "_id") return true;
  }
  return false;
}

}  // namespace varve::bson
