#include "bson/view.h"

// What is a document and what is not: the only place that takes lengths out of bytes.

namespace varve::bson {

namespace {

/// Servers refuse anything deeper.
constexpr int kMaxDepth = 200;

std::optional<size_t> at_most(size_t size, ByteView bytes) {
  if (size > bytes.size()) return std::nullopt;
  return size;
}

/// Bytes up to and including the first zero byte.
std::optional<size_t> cstring_size(ByteView bytes) {
  if (bytes.empty()) return std::nullopt;
  const void* end = std::memchr(bytes.data(), 0, bytes.size());
  if (end == nullptr) return std::nullopt;
  return static_cast<size_t>(static_cast<const uint8_t*>(end) - bytes.data()) + 1;
}

/// A length, that many bytes, the last of them zero.
std::optional<size_t> string_size(ByteView bytes) {
  if (bytes.size() < 5) return std::nullopt;
  const auto length = load_le<uint32_t>(bytes.data());
  if (length < 1 || length > bytes.size() - 4 || bytes[3 + length] != 0) return std::nullopt;
  return 4 + size_t{length};
}

std::optional<size_t> binary_size(ByteView bytes) {
  if (bytes.size() < 5) return std::nullopt;
  const auto length = load_le<uint32_t>(bytes.data());
  if (length > bytes.size() - 5) return std::nullopt;
  return 5 + size_t{length};
}

std::optional<size_t> regex_size(ByteView bytes) {
  const auto pattern = cstring_size(bytes);
  if (!pattern) return std::nullopt;
  const auto options = cstring_size(bytes.subspan(*pattern));
  if (!options) return std::nullopt;
  return *pattern + *options;
}

/// A length over all, a string and a document that fill it exactly.
std::optional<size_t> code_with_scope_size(ByteView bytes) {
  if (bytes.size() < 14) return std::nullopt;
  const auto length = load_le<uint32_t>(bytes.data());
  if (length < 14 || length > bytes.size()) return std::nullopt;
  const ByteView inner = bytes.subspan(4, length - 4);
  const auto code = string_size(inner);
  if (!code) return std::nullopt;
  const auto scope = check_framing(inner.subspan(*code), inner.size());
  if (!scope || *code + *scope != inner.size()) return std::nullopt;
  return length;
}

/// How many bytes of `bytes` are the value of an element of that type; nothing if it does not fit or is unknown.
std::optional<size_t> value_size(Type type, ByteView bytes) {
  if (const auto size = fixed_size(type)) return at_most(*size, bytes);
  switch (type) {
    case Type::kString:
    case Type::kCode:
    case Type::kSymbol:
      return string_size(bytes);
    case Type::kDocument:
    case Type::kArray:
      return check_framing(bytes, bytes.size());
    case Type::kBinary:
      return binary_size(bytes);
    case Type::kRegex:
      return regex_size(bytes);
    case Type::kDbPointer: {
      const auto name = string_size(bytes);
      return name ? at_most(*name + 12, bytes) : std::nullopt;
    }
    case Type::kCodeWithScope:
      return code_with_scope_size(bytes);
    default:
      return std::nullopt;
  }
}

Status broken(std::string_view name, const char* what) {
  return fail(ErrorKind::kCorrupt, "not BSON: " + std::string(what) + " in field \"" + std::string(name) + "\"");
}

Status validate_at(ByteView document, int depth);

Status validate_element(const Element& element, int depth) {
  switch (element.type()) {
    case Type::kDocument:
    case Type::kArray:
      if (depth == kMaxDepth) return broken(element.name(), "nested too deeply");
      return validate_at(element.value(), depth + 1);
    case Type::kCodeWithScope: {
      if (depth == kMaxDepth) return broken(element.name(), "nested too deeply");
      const size_t code = 4 + *string_size(element.value().subspan(4));
      return validate_at(element.value().subspan(code), depth + 1);
    }
    case Type::kBool:
      if (element.value()[0] > 1) return broken(element.name(), "a boolean that is neither true nor false");
      return {};
    default:
      return {};
  }
}

Status validate_at(ByteView document, int depth) {
  Iterator iterator(document);
  std::string_view last;
  while (auto element = iterator.next()) {
    last = element->name();
    TRY(validate_element(*element, depth));
  }
  if (!iterator.valid()) return fail(ErrorKind::kCorrupt, "not BSON after field \"" + std::string(last) + "\"");
  return {};
}

}  // namespace

Iterator::Iterator(ByteView document) {
  if (document.empty()) return;
  const auto size = check_framing(document, document.size());
  valid_ = size.has_value();
  if (valid_) rest_ = document.subspan(4, *size - 5);
}

std::optional<Element> Iterator::next() {
  if (rest_.empty()) return std::nullopt;
  const auto name_size = cstring_size(rest_.subspan(1));
  const auto size =
      name_size ? value_size(static_cast<Type>(rest_[0]), rest_.subspan(1 + *name_size)) : std::optional<size_t>();
  if (!size) {
    valid_ = false;
    rest_ = {};
    return std::nullopt;
  }
  Element element;
  element.name_ = as_text(rest_.subspan(1, *name_size - 1));
  element.value_ = rest_.subspan(1 + *name_size, *size);
  element.raw_ = rest_.first(1 + *name_size + *size);
  rest_ = rest_.subspan(element.raw_.size());
  return element;
}

std::optional<size_t> check_framing(ByteView bytes, size_t limit) {
  if (bytes.size() < 5) return std::nullopt;
  const auto length = load_le<uint32_t>(bytes.data());
  // A length field with its top bit set is negative, whatever the limit.
  if (length < 5 || length > INT32_MAX || length > limit || length > bytes.size() || bytes[length - 1] != 0)
    return std::nullopt;
  return length;
}

Status validate(ByteView document) {
  const auto size = check_framing(document, document.size());
  if (!size || *size != document.size()) return fail(ErrorKind::kCorrupt, "not BSON: its length field is wrong");
  return validate_at(document, 0);
}

}  // namespace varve::bson
