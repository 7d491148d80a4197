#include "collection/json_fields.h"
#include "collection/manifest.h"

namespace varve::collection {

namespace {

using Json = nlohmann::ordered_json;

Json json_of(const std::string& text) {
  return json::text(text);
}

Json json_of(bson::Timestamp time) {
  return time.text();
}

Json json_of(const bson::Document& document) {
  return codec::base64(document.bytes().empty() ? bson::Document().bytes() : document.bytes());
}

Json json_of(Order order) {
  return order == Order::kId ? "_id" : "natural";
}

Json json_of(const CollectionEntry& entry);
Json json_of(const Skipped& skipped);

template <typename T>
Json json_of(const std::vector<T>& list) {
  Json out = Json::array();
  for (const auto& item : list) out.push_back(json_of(item));
  return out;
}

Json json_of(const CollectionEntry& entry) {
  Json out = Json::object();
  out["db"] = json_of(entry.ns.db);
  out["collection"] = json_of(entry.ns.collection);
  out["type"] = json_of(entry.type);
  out["uuid"] = json_of(entry.uuid);
  out["documents"] = entry.as_read.documents;
  out["bytes"] = entry.as_read.bytes;
  out["sum"] = entry.as_read.sum.hex();
  out["order"] = json_of(entry.order);
  out["average_chunk"] = entry.average_chunk;
  out["how"] = json_of(entry.how);
  out["note"] = json_of(entry.note);
  out["options"] = json_of(entry.options);
  out["id_index"] = json_of(entry.id_index);
  out["indexes"] = json_of(entry.indexes);
  out["unfinished_indexes"] = json_of(entry.unfinished_indexes);
  return out;
}

Json json_of(const Skipped& skipped) {
  Json out = Json::object();
  out["what"] = json_of(skipped.what);
  out["reason"] = json_of(skipped.reason);
  out["counts"] = skipped.counts;
  return out;
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  Json out = Json::object();
  out["format"] = kManifestFormat;
  out["varve_version"] = json_of(manifest.varve_version);
  out["backup_id"] = json_of(manifest.backup_id);
  out["source"] = json_of(manifest.source);
  out["set_name"] = json_of(manifest.set_name);
  out["set_id"] = json_of(manifest.set_id);
  out["server_version"] = json_of(manifest.server_version);
  out["fcv"] = json_of(manifest.fcv);
  out["member"] = json_of(manifest.member);
  out["member_role"] = json_of(manifest.member_role);
  if (!manifest.member_changes.empty()) out["member_changes"] = json_of(manifest.member_changes);
  if (manifest.imported()) out["imported_from"] = json_of(manifest.imported_from);
  out["consistency"] = json_of(manifest.consistency);
  out["oplog_start"] = json_of(manifest.oplog_start);
  out["t0"] = json_of(manifest.t0);
  out["t1"] = json_of(manifest.t1);
  out["read_at"] = json_of(manifest.read_at);
  out["oplog_entries"] = manifest.oplog_entries;
  out["oplog_changes"] = manifest.oplog_changes;
  out["needs_varve"] = json_of(manifest.needs_varve);
  out["includes"] = json_of(manifest.includes);
  out["excludes"] = json_of(manifest.excludes);
  out["default_rw_concern"] = json_of(manifest.default_rw_concern);
  out["cluster_parameters"] = json_of(manifest.cluster_parameters);
  out["collections"] = json_of(manifest.collections);
  out["skipped"] = json_of(manifest.skipped);
  return out.dump(2) + "\n";
}

}  // namespace varve::collection
