#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace varve::bson {

/// A JSON value as it stands in a text: keys in order, also where one comes twice, and numbers that tell how they were
/// written.
struct JsonValue {
  enum class Kind : uint8_t { kNull, kBool, kInteger, kDouble, kString, kObject, kArray };

  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  std::string text{};
  std::vector<std::pair<std::string, JsonValue>> fields{};  ///< of an array without names

  bool is(Kind what) const { return kind == what; }
  /// The value of the field, if this is an object that has it.
  const JsonValue* field(std::string_view name) const;
};

/// kCorrupt for what is not JSON, is nested deeper than 200, holds more than a million values, or has a zero byte in a
/// key.
Result<JsonValue> parse_json(std::string_view text);

}  // namespace varve::bson
