#include <charconv>
#include <nlohmann/json.hpp>

#include "codec/base64.h"
#include "collection/manifest.h"

namespace varve::collection {

namespace {

using Json = nlohmann::json;

/// Ours is four deep; more is somebody's attack on the stack.
constexpr int kMaxDepth = 16;

tl::unexpected<Error> not_a(const char* what) {
  return fail(ErrorKind::kCorrupt, "not " + std::string(what));
}

Status read(const Json& value, std::string& out) {
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

Status read(const Json& value, uint64_t& out) {
  if (!value.is_number_unsigned()) return not_a("a whole number");
  out = value.get<uint64_t>();
  return {};
}

Status read(const Json& value, uint32_t& out) {
  uint64_t wide = 0;
  TRY(read(value, wide));
  if (wide > UINT32_MAX) return not_a("a number of 32 bits");
  out = static_cast<uint32_t>(wide);
  return {};
}

Status read(const Json& value, bool& out) {
  if (!value.is_boolean()) return not_a("true or false");
  out = value.get<bool>();
  return {};
}

/// "seconds:increment"
Status read(const Json& value, bson::Timestamp& out) {
  std::string text;
  TRY(read(value, text));
  const char* end = text.data() + text.size();
  const auto seconds = std::from_chars(text.data(), end, out.seconds);
  if (seconds.ec != std::errc() || seconds.ptr == end || *seconds.ptr != ':') return not_a("a cluster time");
  const auto increment = std::from_chars(seconds.ptr + 1, end, out.increment);
  if (increment.ec != std::errc() || increment.ptr != end) return not_a("a cluster time");
  return {};
}

Status read(const Json& value, bson::Document& out) {
  const auto* text = value.get_ptr<const std::string*>();
  auto bytes = text != nullptr ? codec::from_base64(*text) : std::nullopt;
  if (!bytes) return not_a("base64");
  TRY(bson::validate(*bytes));
  out = bson::Document::adopt(std::move(*bytes));
  return {};
}

Status read(const Json& value, Order& out) {
  std::string text;
  TRY(read(value, text));
  if (text != "natural" && text != "_id") return not_a("an order that this version knows");
  out = text == "_id" ? Order::kId : Order::kNatural;
  return {};
}

Status read(const Json& value, codec::UInt128& out) {
  std::string text;
  TRY(read(value, text));
  const auto sum = codec::UInt128::parse(text);
  if (!sum) return not_a("a sum of 32 hex digits");
  out = *sum;
  return {};
}

Status read(const Json& value, CollectionEntry& out);
Status read(const Json& value, Skipped& out);

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

Status read(const Json& value, CollectionEntry& out) {
  TRY(get(value, "db", out.ns.db));
  TRY(get(value, "collection", out.ns.collection));
  TRY(get(value, "type", out.type));
  TRY(get(value, "uuid", out.uuid));
  TRY(get(value, "documents", out.as_read.documents));
  TRY(get(value, "bytes", out.as_read.bytes));
  TRY(get(value, "sum", out.as_read.sum));
  TRY(get(value, "order", out.order));
  TRY(get(value, "average_chunk", out.average_chunk));
  TRY(get(value, "how", out.how));
  TRY(get(value, "note", out.note));
  TRY(get(value, "options", out.options));
  TRY(get(value, "id_index", out.id_index));
  TRY(get(value, "indexes", out.indexes));
  TRY(get(value, "unfinished_indexes", out.unfinished_indexes));
  if (!out.uuid.empty() && (out.uuid.size() != 32 || !from_hex(out.uuid))) return not_a("a UUID of 32 hex digits");
  return {};
}

Status read(const Json& value, Skipped& out) {
  TRY(get(value, "what", out.what));
  TRY(get(value, "reason", out.reason));
  return get(value, "counts", out.counts);
}

Status read(const Json& value, Manifest& out) {
  uint64_t format = 0;
  TRY(get(value, "format", format));
  if (format != kManifestFormat)
    return fail(Error(ErrorKind::kUnsupported, "format " + std::to_string(format) + " is not known")
                    .hint("a newer varve made this backup; use that one"));
  TRY(get(value, "varve_version", out.varve_version));
  TRY(get(value, "backup_id", out.backup_id));
  TRY(get(value, "source", out.source));
  TRY(get(value, "set_name", out.set_name));
  TRY(get(value, "set_id", out.set_id));
  TRY(get(value, "server_version", out.server_version));
  TRY(get(value, "fcv", out.fcv));
  TRY(get(value, "member", out.member));
  TRY(get(value, "member_role", out.member_role));
  if (value.contains("member_changes")) TRY(get(value, "member_changes", out.member_changes));
  if (value.contains("imported_from")) TRY(get(value, "imported_from", out.imported_from));
  TRY(get(value, "consistency", out.consistency));
  TRY(get(value, "oplog_start", out.oplog_start));
  TRY(get(value, "t0", out.t0));
  TRY(get(value, "t1", out.t1));
  if (value.contains("read_at")) TRY(get(value, "read_at", out.read_at));  // the first manifests lack it
  TRY(get(value, "oplog_entries", out.oplog_entries));
  TRY(get(value, "oplog_changes", out.oplog_changes));
  TRY(get(value, "needs_varve", out.needs_varve));
  TRY(get(value, "includes", out.includes));
  TRY(get(value, "excludes", out.excludes));
  TRY(get(value, "default_rw_concern", out.default_rw_concern));
  TRY(get(value, "cluster_parameters", out.cluster_parameters));
  TRY(get(value, "collections", out.collections));
  return get(value, "skipped", out.skipped);
}

}  // namespace

Result<Manifest> decode_manifest(std::string_view json) {
  bool too_deep = false;
  const auto watch_depth = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  const Json parsed = Json::parse(json, watch_depth, /*allow_exceptions=*/false);
  if (parsed.is_discarded() || too_deep)
    return fail(ErrorKind::kCorrupt, "the manifest is not JSON as varve writes it");
  Manifest manifest;
  auto status = read(parsed, manifest);
  if (!status) return fail(std::move(status).error().within("the manifest"));
  return manifest;
}

}  // namespace varve::collection
