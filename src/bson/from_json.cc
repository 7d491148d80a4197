#include "bson/from_json.h"

#include <cmath>
#include <cstdlib>

#include <bson/bson.h>

#include "base/parse.h"
#include "bson/json_scalars.h"
#include "bson/json_tree.h"
#include "codec/base64.h"

namespace varve::bson {

namespace {

using Kind = JsonValue::Kind;

/// A value's bytes and what they are.
struct Value {
  Type type;
  Bytes bytes;
};

template <typename T>
Value fixed(Type type, T number) {
  Value value{type, {}};
  append_le(value.bytes, number);
  return value;
}

void append_cstring(Bytes& out, std::string_view text) {
  append(out, as_bytes(text));
  out.push_back(0);
}

void append_string(Bytes& out, std::string_view text) {
  append_le(out, static_cast<uint32_t>(text.size() + 1));
  append_cstring(out, text);
}

Value string_value(Type type, std::string_view text) {
  Value value{type, {}};
  append_string(value.bytes, text);
  return value;
}

Value integer_value(int64_t number) {
  if (number >= INT32_MIN && number <= INT32_MAX) return fixed(Type::kInt32, static_cast<int32_t>(number));
  return fixed(Type::kInt64, number);
}

Value binary_value(uint8_t subtype, ByteView data) {
  constexpr uint8_t kOldBinary = 2;  // which tells its length twice
  Value value{Type::kBinary, {}};
  const auto size = static_cast<uint32_t>(data.size());
  append_le(value.bytes, subtype == kOldBinary ? size + 4 : size);
  value.bytes.push_back(subtype);
  if (subtype == kOldBinary) append_le(value.bytes, size);
  append(value.bytes, data);
  return value;
}

std::optional<double> parse_double(const std::string& text) {
  if (text == "NaN") return std::nan("");
  if (text == "Infinity") return HUGE_VAL;
  if (text == "-Infinity") return -HUGE_VAL;
  return parse_number<double>(text);
}

class Reader {
 public:
  explicit Reader(JsonDialect dialect) : dialect_(dialect) {}

  Result<Bytes> document(const JsonValue& object) const {
    Bytes out(4);
    const bool array = object.is(Kind::kArray);
    size_t index = 0;
    for (const auto& [name, json] : object.fields) {
      TRY_ASSIGN(const auto made, value(json));
      out.push_back(static_cast<uint8_t>(made.type));
      append_cstring(out, array ? std::to_string(index++) : name);
      append(out, made.bytes);
    }
    out.push_back(0);
    const auto size = static_cast<uint32_t>(out.size());
    std::memcpy(out.data(), &size, sizeof size);
    return out;
  }

 private:
  Result<Value> value(const JsonValue& json) const {
    switch (json.kind) {
      case Kind::kNull:
        return Value{Type::kNull, {}};
      case Kind::kBool:
        return fixed(Type::kBool, static_cast<uint8_t>(json.boolean));
      case Kind::kInteger:
        return integer_value(json.integer);
      case Kind::kDouble:
        return fixed(Type::kDouble, json.number);
      case Kind::kString:
        return string_value(Type::kString, json.text);
      case Kind::kArray:
        break;
      case Kind::kObject: {
        TRY_ASSIGN(auto special, wrapped(json));
        if (special) return std::move(*special);
        break;
      }
    }
    TRY_ASSIGN(auto bytes, document(json));
    return Value{json.is(Kind::kArray) ? Type::kArray : Type::kDocument, std::move(bytes)};
  }

  /// What the object stands for, if it is a wrapper: of one key or of two.
  Result<std::optional<Value>> wrapped(const JsonValue& json) const {
    const auto& fields = json.fields;
    if (fields.empty() || !fields.front().first.starts_with('$')) return std::nullopt;
    if (fields.size() > 2) return std::nullopt;
    auto made = fields.size() == 1 ? alone(fields.front().first, fields.front().second) : pair(json);
    if (!made) return std::nullopt;
    if (*made) return std::move(*made);
    return fail(ErrorKind::kCorrupt, "\"" + fields.front().first + "\" has a value that makes no sense");
  }

  /// Nothing: the key is no wrapper's. Nothing inside: the value is none that the wrapper takes.
  using Made = std::optional<std::optional<Value>>;

  Made alone(std::string_view key, const JsonValue& value) const {
    if (key == "$oid") return object_id(value);
    if (key == "$numberInt") return number<int32_t>(Type::kInt32, value);
    if (key == "$numberLong") return number<int64_t>(Type::kInt64, value);
    if (key == "$numberDouble") return floating(value);
    if (key == "$numberDecimal") return decimal(value);
    if (key == "$date") return date(value);
    if (key == "$timestamp") return timestamp(value);
    if (key == "$binary" && value.is(Kind::kObject)) return binary(value.field("base64"), value.field("subType"));
    if (key == "$uuid") return uuid(value);
    if (key == "$regularExpression") return regex(value.field("pattern"), value.field("options"));
    if (key == "$symbol") return text(Type::kSymbol, value);
    if (key == "$code") return text(Type::kCode, value);
    if (key == "$dbPointer") return db_pointer(value);
    if (key == "$minKey") return Value{Type::kMinKey, {}};
    if (key == "$maxKey") return Value{Type::kMaxKey, {}};
    if (key == "$undefined") return Value{Type::kUndefined, {}};
    return std::nullopt;
  }

  Made pair(const JsonValue& json) const {
    if (json.field("$binary") && json.field("$type")) return binary(json.field("$binary"), json.field("$type"));
    if (json.field("$code") && json.field("$scope")) return code(*json.field("$code"), *json.field("$scope"));
    if (dialect_ == JsonDialect::kVersion1 && json.field("$regex") && json.field("$options")) {
      return regex(json.field("$regex"), json.field("$options"));
    }
    return std::nullopt;
  }

  static Made object_id(const JsonValue& value) {
    auto bytes = from_hex(value.text);
    if (!bytes || bytes->size() != 12) return std::optional<Value>();
    return Value{Type::kObjectId, std::move(*bytes)};
  }

  template <typename T>
  static Made number(Type type, const JsonValue& value) {
    const auto parsed =
        value.is(Kind::kInteger) ? parse_number<T>(std::to_string(value.integer)) : parse_number<T>(value.text);
    return parsed ? std::optional(fixed(type, *parsed)) : std::nullopt;
  }

  static Made floating(const JsonValue& value) {
    if (value.is(Kind::kDouble)) return fixed(Type::kDouble, value.number);
    if (value.is(Kind::kInteger)) return fixed(Type::kDouble, static_cast<double>(value.integer));
    const auto parsed = parse_double(value.text);
    return parsed ? std::optional(fixed(Type::kDouble, *parsed)) : std::nullopt;
  }

  static Made decimal(const JsonValue& value) {
    bson_decimal128_t parsed;
    if (!value.is(Kind::kString) || !bson_decimal128_from_string(value.text.c_str(), &parsed)) {
      return std::optional<Value>();
    }
    auto made = fixed(Type::kDecimal128, parsed.low);
    append_le(made.bytes, parsed.high);
    return made;
  }

  static Made date(const JsonValue& value) {
    if (value.is(Kind::kInteger)) return fixed(Type::kDate, value.integer);
    if (const auto* wrapped = value.field("$numberLong")) return number<int64_t>(Type::kDate, *wrapped);
    const auto parsed = value.is(Kind::kString) ? parse_date(value.text) : std::nullopt;
    return parsed ? std::optional(fixed(Type::kDate, *parsed)) : std::nullopt;
  }

  static Made timestamp(const JsonValue& value) {
    const auto *t = value.field("t"), *i = value.field("i");
    if (t == nullptr || i == nullptr || !t->is(Kind::kInteger) || !i->is(Kind::kInteger)) return std::optional<Value>();
    auto made = fixed(Type::kTimestamp, static_cast<uint32_t>(i->integer));
    append_le(made.bytes, static_cast<uint32_t>(t->integer));
    return made;
  }

  static Made binary(const JsonValue* data, const JsonValue* subtype) {
    if (data == nullptr || subtype == nullptr || subtype->text.size() > 2) return std::optional<Value>();
    const auto bytes = codec::from_base64(data->text);
    const auto type = from_hex(subtype->text.size() == 1 ? "0" + subtype->text : subtype->text);
    if (!bytes || !type || type->size() != 1) return std::optional<Value>();
    const auto kind = (*type)[0];
    return binary_value(kind, *bytes);
  }

  static Made uuid(const JsonValue& value) {
    std::string hex = value.text;
    std::erase(hex, '-');
    const auto bytes = from_hex(hex);
    if (!bytes || bytes->size() != 16) return std::optional<Value>();
    return binary_value(4, *bytes);
  }

  static Made regex(const JsonValue* pattern, const JsonValue* options) {
    for (const auto* part : {pattern, options}) {
      if (part == nullptr || !part->is(Kind::kString) || part->text.find('\0') != std::string::npos) {
        return std::optional<Value>();
      }
    }
    Value made{Type::kRegex, {}};
    append_cstring(made.bytes, pattern->text);
    append_cstring(made.bytes, options->text);
    return made;
  }

  static Made text(Type type, const JsonValue& value) {
    return value.is(Kind::kString) ? std::optional(string_value(type, value.text)) : std::nullopt;
  }

  Made code(const JsonValue& code, const JsonValue& scope) const {
    if (!code.is(Kind::kString) || !scope.is(Kind::kObject)) return std::optional<Value>();
    const auto inner = document(scope);
    if (!inner) return std::optional<Value>();
    Value made{Type::kCodeWithScope, {}};
    append_le(made.bytes, static_cast<uint32_t>(4 + 4 + code.text.size() + 1 + inner->size()));
    append_string(made.bytes, code.text);
    append(made.bytes, *inner);
    return made;
  }

  static Made db_pointer(const JsonValue& value) {
    const auto *ref = value.field("$ref"), *id = value.field("$id");
    const auto* oid = id != nullptr ? id->field("$oid") : nullptr;
    const auto bytes = oid != nullptr ? from_hex(oid->text) : std::nullopt;
    if (ref == nullptr || !bytes || bytes->size() != 12) return std::optional<Value>();
    auto made = string_value(Type::kDbPointer, ref->text);
    append(made.bytes, *bytes);
    return made;
  }

  const JsonDialect dialect_;
};

}  // namespace

Result<Document> from_json(std::string_view text, JsonDialect dialect) {
  TRY_ASSIGN(const auto json, parse_json(text));
  if (!json.is(Kind::kObject)) return fail(ErrorKind::kCorrupt, "it is not a JSON object");
  TRY_ASSIGN(auto bytes, Reader(dialect).document(json));
  return Document::adopt(std::move(bytes));
}

}  // namespace varve::bson
