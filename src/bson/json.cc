#include "bson/json.h"

#include <algorithm>
#include <cmath>

#include <bson/bson.h>
#include <fmt/format.h>

#include "bson/json_scalars.h"
#include "codec/base64.h"
#include "codec/utf8.h"

namespace varve::bson {

namespace {

/// Deeper than anything a server stores; past it, hostile bytes could use up the stack.
constexpr int kMaxDepth = 250;
constexpr std::string_view kNotBson = "\"<not BSON>\"";

class Writer {
 public:
  explicit Writer(JsonMode mode) : canonical_(mode == JsonMode::kCanonical) {}

  void document(ByteView bytes);
  void array(ByteView bytes);
  void value(const Element& element);
  std::string take() { return std::move(out_); }

 private:
  void put(std::string_view text) { out_ += text; }
  void character(std::string_view text);
  void quoted(std::string_view text);
  void wrapped(std::string_view key, std::string_view json) { out_ += fmt::format("{{\"{}\":{}}}", key, json); }
  void number(double value);
  void integer(int64_t value, std::string_view key);
  void date(int64_t milliseconds);
  void binary(ByteView value);
  void regex(ByteView value);
  void db_pointer(ByteView value);
  void code_with_scope(ByteView value);
  void decimal(ByteView value);

  std::string out_;
  const bool canonical_;
  int depth_ = 0;
};

/// The string at the front of a value: the four bytes of its length, then text that ends in a zero byte.
std::string_view text_at(ByteView value) {
  return as_text(value.subspan(4, load_le<uint32_t>(value.data()) - 1));
}

void Writer::document(ByteView bytes) {
  if (depth_ == kMaxDepth) return put(kNotBson);
  ++depth_;
  out_ += '{';
  Iterator iterator(bytes);
  bool first = true;
  const auto separate = [&] {
    if (!first) out_ += ',';
    first = false;
  };
  while (const auto element = iterator.next()) {
    separate();
    quoted(element->name());
    out_ += ':';
    value(*element);
  }
  if (!iterator.valid()) {
    separate();
    put(kNotBson);
    put(":null");
  }
  out_ += '}';
  --depth_;
}

void Writer::array(ByteView bytes) {
  if (depth_ == kMaxDepth) return put(kNotBson);
  ++depth_;
  out_ += '[';
  Iterator iterator(bytes);
  bool first = true;
  while (const auto element = iterator.next()) {
    if (!first) out_ += ',';
    first = false;
    value(*element);
  }
  if (!iterator.valid()) {
    if (!first) out_ += ',';
    put(kNotBson);
  }
  out_ += ']';
  --depth_;
}

void Writer::value(const Element& element) {
  const ByteView raw = element.value();
  switch (element.type()) {
    case Type::kDouble:
      return number(load_le<double>(raw.data()));
    case Type::kString:
      return quoted(text_at(raw));
    case Type::kDocument:
      return document(raw);
    case Type::kArray:
      return array(raw);
    case Type::kBinary:
      return binary(raw);
    case Type::kUndefined:
      return wrapped("$undefined", "true");
    case Type::kObjectId:
      return wrapped("$oid", "\"" + to_hex(raw) + "\"");
    case Type::kBool:
      return put(raw[0] != 0 ? "true" : "false");
    case Type::kDate:
      return date(load_le<int64_t>(raw.data()));
    case Type::kNull:
      return put("null");
    case Type::kRegex:
      return regex(raw);
    case Type::kDbPointer:
      return db_pointer(raw);
    case Type::kCode:
      put("{\"$code\":");
      quoted(text_at(raw));
      return put("}");
    case Type::kSymbol:
      put("{\"$symbol\":");
      quoted(text_at(raw));
      return put("}");
    case Type::kCodeWithScope:
      return code_with_scope(raw);
    case Type::kInt32:
      return integer(load_le<int32_t>(raw.data()), "$numberInt");
    case Type::kTimestamp: {
      const auto increment = load_le<uint32_t>(raw.data());
      const auto seconds = load_le<uint32_t>(raw.data() + 4);
      return wrapped("$timestamp", fmt::format("{{\"t\":{},\"i\":{}}}", seconds, increment));
    }
    case Type::kInt64:
      return integer(load_le<int64_t>(raw.data()), "$numberLong");
    case Type::kDecimal128:
      return decimal(raw);
    case Type::kMinKey:
      return wrapped("$minKey", "1");
    case Type::kMaxKey:
      return wrapped("$maxKey", "1");
  }
  put(kNotBson);
}

/// One ASCII character that JSON or a careless reader of it (U+2028, U+2029) cannot take as it is, or any other.
void Writer::character(std::string_view text) {
  constexpr std::string_view kNamed = "\b\f\n\r\t\"\\";
  constexpr std::string_view kNames = "bfnrt\"\\";
  if (const size_t which = kNamed.find(text[0]); which != std::string_view::npos) {
    out_ += '\\';
    out_ += kNames[which];
  } else if (static_cast<uint8_t>(text[0]) < 0x20) {
    out_ += fmt::format("\\u{:04x}", static_cast<unsigned>(text[0]));
  } else if (text == "\u2028" || text == "\u2029") {
    put(text == "\u2028" ? "\\u2028" : "\\u2029");
  } else {
    put(text);
  }
}

void Writer::quoted(std::string_view text) {
  out_ += '"';
  while (!text.empty()) {
    const codec::Rune rune = codec::decode_rune(text);
    if (rune.invalid()) {
      put("\\ufffd");
    } else {
      character(text.substr(0, rune.size));
    }
    text.remove_prefix(rune.size);
  }
  out_ += '"';
}

void Writer::number(double value) {
  const std::string text = format_double(value);
  if (canonical_ || !std::isfinite(value)) return wrapped("$numberDouble", "\"" + text + "\"");
  put(text);
}

void Writer::integer(int64_t value, std::string_view key) {
  const std::string text = std::to_string(value);
  if (canonical_) return wrapped(key, "\"" + text + "\"");
  put(text);
}

void Writer::date(int64_t milliseconds) {
  const auto text = canonical_ ? std::nullopt : format_date(milliseconds);
  if (text) return wrapped("$date", "\"" + *text + "\"");
  wrapped("$date", fmt::format("{{\"$numberLong\":\"{}\"}}", milliseconds));
}

/// Subtype 2 repeats its length inside, which Extended JSON leaves out.
void Writer::binary(ByteView value) {
  const uint8_t subtype = value[4];
  ByteView data = value.subspan(5);
  if (subtype == 2 && data.size() >= 4 && load_le<uint32_t>(data.data()) == data.size() - 4) data = data.subspan(4);
  wrapped("$binary", fmt::format(R"({{"base64":"{}","subType":"{:02x}"}})", codec::base64(data), subtype));
}

void Writer::regex(ByteView value) {
  const std::string_view both = as_text(value);
  const std::string_view pattern = both.substr(0, both.find('\0'));
  std::string options(both.substr(pattern.size() + 1));
  options.pop_back();
  std::sort(options.begin(), options.end());
  put("{\"$regularExpression\":{\"pattern\":");
  quoted(pattern);
  put(",\"options\":");
  quoted(options);
  put("}}");
}

void Writer::db_pointer(ByteView value) {
  put("{\"$dbPointer\":{\"$ref\":");
  quoted(text_at(value));
  put(",\"$id\":");
  wrapped("$oid", "\"" + to_hex(value.last(12)) + "\"");
  put("}}");
}

void Writer::code_with_scope(ByteView value) {
  const std::string_view code = text_at(value.subspan(4));
  put("{\"$code\":");
  quoted(code);
  put(",\"$scope\":");
  document(value.subspan(4 + 4 + code.size() + 1));
  put("}");
}

void Writer::decimal(ByteView value) {
  const bson_decimal128_t number{load_le<uint64_t>(value.data()), load_le<uint64_t>(value.data() + 8)};
  std::array<char, BSON_DECIMAL128_STRING> text;
  bson_decimal128_to_string(&number, text.data());
  wrapped("$numberDecimal", "\"" + std::string(text.data()) + "\"");
}

}  // namespace

std::string to_json(View document, JsonMode mode) {
  Writer writer(mode);
  writer.document(document.bytes());
  return writer.take();
}

std::string to_json(const Element& value, JsonMode mode) {
  Writer writer(mode);
  writer.value(value);
  return writer.take();
}

}  // namespace varve::bson
