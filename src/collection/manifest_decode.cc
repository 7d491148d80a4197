#include "collection/json_fields.h"
#include "collection/manifest.h"

// Not in a namespace without a name: json::get finds them by their arguments.
namespace varve::collection {

using json::get;
using json::Json;
using json::not_a;
using json::read;

static Status read(const Json& value, Order& out) {
  std::string text;
  TRY(read(value, text));
  if (text != "natural" && text != "_id") return not_a("an order that this version knows");
  out = text == "_id" ? Order::kId : Order::kNatural;
  return {};
}

static Status read(const Json& value, CollectionEntry& out) {
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

static Status read(const Json& value, Skipped& out) {
  TRY(get(value, "what", out.what));
  TRY(get(value, "reason", out.reason));
  return get(value, "counts", out.counts);
}

static Status read(const Json& value, Manifest& out) {
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

Result<Manifest> decode_manifest(std::string_view json_text) {
  const auto parsed = json::parse(json_text);
  if (!parsed) return fail(ErrorKind::kCorrupt, "the manifest is not JSON as varve writes it");
  Manifest manifest;
  auto status = read(*parsed, manifest);
  if (!status) return fail(std::move(status).error().within("the manifest"));
  return manifest;
}

}  // namespace varve::collection
