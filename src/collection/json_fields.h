#pragma once

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bson/document.h"
#include "codec/base64.h"
#include "codec/hash.h"
#include "codec/utf8.h"

/// The JSON files of a snapshot: how values are written, and read from whoever wrote them. For this room's .cc files.
namespace varve::collection::json {

using Json = nlohmann::json;

/// JSON has no strings of arbitrary bytes, a collection's name may be one.
inline nlohmann::ordered_json text(const std::string& bytes) {
  for (std::string_view rest = bytes; !rest.empty();) {
    const codec::Rune rune = codec::decode_rune(rest);
    if (rune.invalid()) return {{"base64", codec::base64(as_bytes(bytes))}};
    rest.remove_prefix(rune.size);
  }
  return bytes;
}

/// Ours is four deep; more is somebody's attack on the stack.
inline constexpr int kMaxDepth = 16;

/// Nothing if it is no JSON, or deeper than any of ours.
inline std::optional<Json> parse(std::string_view text) {
  bool too_deep = false;
  const auto watch_depth = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  auto parsed = Json::parse(text, watch_depth, /*allow_exceptions=*/false);
  if (parsed.is_discarded() || too_deep) return std::nullopt;
  return parsed;
}

inline tl::unexpected<Error> not_a(const char* what) {
  return fail(ErrorKind::kCorrupt, "not " + std::string(what));
}

inline Status read(const Json& value, std::string& out) {
  if (const auto* text = value.get_ptr<const std::string*>()) {
    out = *text;
    return {};
  }
  const auto encoded = value.is_object() ? value.find("base64") : value.end();
  if (!value.is_object() || encoded == value.end() || !encoded->is_string()) return not_a("a text");
  const auto bytes = codec::from_base64(encoded->get_ref<const std::string&>());
  if (!bytes) return not_a("base64");
  out = as_text(*bytes);
  return {};
}

inline Status read(const Json& value, uint64_t& out) {
  if (!value.is_number_unsigned()) return not_a("a whole number");
  out = value.get<uint64_t>();
  return {};
}

inline Status read(const Json& value, int64_t& out) {
  if (!value.is_number_integer()) return not_a("a whole number");
  out = value.get<int64_t>();
  return {};
}

inline Status read(const Json& value, uint32_t& out) {
  uint64_t wide = 0;
  TRY(read(value, wide));
  if (wide > UINT32_MAX) return not_a("a number of 32 bits");
  out = static_cast<uint32_t>(wide);
  return {};
}

inline Status read(const Json& value, bool& out) {
  if (!value.is_boolean()) return not_a("true or false");
  out = value.get<bool>();
  return {};
}

/// "seconds:increment"
inline Status read(const Json& value, bson::Timestamp& out) {
  std::string text;
  TRY(read(value, text));
  const char* end = text.data() + text.size();
  const auto seconds = std::from_chars(text.data(), end, out.seconds);
  if (seconds.ec != std::errc() || seconds.ptr == end || *seconds.ptr != ':') return not_a("a cluster time");
  const auto increment = std::from_chars(seconds.ptr + 1, end, out.increment);
  if (increment.ec != std::errc() || increment.ptr != end) return not_a("a cluster time");
  return {};
}

inline Status read(const Json& value, bson::Document& out) {
  const auto* text = value.get_ptr<const std::string*>();
  auto bytes = text != nullptr ? codec::from_base64(*text) : std::nullopt;
  if (!bytes) return not_a("base64");
  TRY(bson::validate(*bytes));
  out = bson::Document::adopt(std::move(*bytes));
  return {};
}

inline Status read(const Json& value, codec::UInt128& out) {
  std::string text;
  TRY(read(value, text));
  const auto sum = codec::UInt128::parse(text);
  if (!sum) return not_a("a sum of 32 hex digits");
  out = *sum;
  return {};
}

template <typename T>
Status read(const Json& value, std::vector<T>& out) {
  if (!value.is_array()) return not_a("a list");
  out.reserve(value.size());
  for (const auto& item : value) TRY(read(item, out.emplace_back()));
  return {};
}

/// The value of a key that must be there.
template <typename T>
Status get(const Json& object, const char* key, T& out) {
  if (!object.is_object()) return not_a("an object");
  const auto found = object.find(key);
  if (found == object.end()) return fail(ErrorKind::kCorrupt, "\"" + std::string(key) + "\" is missing");
  auto status = read(*found, out);
  if (!status) return fail(std::move(status).error().within(key));
  return {};
}

}  // namespace varve::collection::json
