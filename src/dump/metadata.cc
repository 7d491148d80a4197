#include "dump/metadata.h"

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

std::string prelude_json(std::string_view server_version, std::string_view tool_version) {
  bson::Builder b;
  b.add("ServerVersion", server_version).add("ToolVersion", tool_version);
  return bson::to_json(b.finish(), bson::JsonMode::kCanonical);
}

}  // namespace varve::dump
