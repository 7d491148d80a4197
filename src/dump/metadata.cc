#include "dump/metadata.h"

#include "bson/from_json.h"
#include "bson/json.h"

namespace varve::dump {

std::string metadata_json(bson::View options, const std::vector<bson::Document>& indexes, std::string_view uuid_hex,
                          std::string_view collection, std::string_view type) {
  bson::Builder b;
  if (!options.empty()) b.add("options", options);
  b.open_array("indexes");
  for (size_t i = 0; i < indexes.size(); ++i) b.add(std::to_string(i), indexes[i].view());
  b.end();
  if (!uuid_hex.empty()) b.add("uuid", uuid_hex);
  b.add("collectionName", collection);
  if (!type.empty()) b.add("type", type);
  return bson::to_json(b.finish(), bson::JsonMode::kCanonical);
}

Result<Metadata> parse_metadata(std::string_view json) {
  Metadata metadata;
  if (json.empty()) return metadata;
  // Before version 2 of Extended JSON nothing told the collection's name.
  const bool old = json.find("\"collectionName\"") == std::string_view::npos;
  TRY_ASSIGN(const auto document,
             bson::from_json(json, old ? bson::JsonDialect::kVersion1 : bson::JsonDialect::kVersion2));
  const auto view = document.view();
  // Old servers told the command that made the collection.
  if (const auto options = view.document("options")) metadata.options = bson::without(*options, "create");
  metadata.collection = view.string("collectionName").value_or("");
  metadata.uuid_hex = view.string("uuid").value_or("");
  if (!metadata.uuid_hex.empty() && (metadata.uuid_hex.size() != 32 || !from_hex(metadata.uuid_hex))) {
    return fail(ErrorKind::kCorrupt, "its uuid is not 32 hex digits");
  }
  const auto indexes = view.find("indexes");
  if (!indexes || indexes->type() == bson::Type::kNull) return metadata;
  if (!indexes->as_array()) return fail(ErrorKind::kCorrupt, "its indexes are no list");
  auto specs = indexes->as_array()->elements();
  while (const auto spec = specs.next()) {
    const auto index = spec->as_document();
    if (!index || !index->document("key")) return fail(ErrorKind::kCorrupt, "one of its indexes has no key");
    metadata.indexes.push_back(bson::without(*index, "ns"));
  }
  return metadata;
}

std::string prelude_json(std::string_view server_version, std::string_view tool_version) {
  // mongorestore takes numbers, or this word.
  const bool number = !server_version.empty() && server_version.front() >= '0' && server_version.front() <= '9';
  bson::Builder b;
  b.add("ServerVersion", number ? server_version : "unknown").add("ToolVersion", tool_version);
  return bson::to_json(b.finish(), bson::JsonMode::kCanonical);
}

}  // namespace varve::dump
