#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "bson/document.h"

namespace varve::dump {

/// What mongodump writes beside a collection's data: canonical Extended JSON, keys in its order, no newline at the end.
/// `uuid_hex` is empty for views and time-series. Options that are empty are left out.
std::string metadata_json(bson::View options, const std::vector<bson::Document>& indexes, std::string_view uuid_hex,
                          std::string_view collection, std::string_view type);

/// What is in a metadata.json, of whatever version of mongodump.
struct Metadata {
  bson::Document options;
  std::vector<bson::Document> indexes;
  std::string uuid_hex;    ///< empty where it does not tell one
  std::string collection;  ///< empty in those of old versions
};

/// kCorrupt for what is no such JSON. An empty text is an empty one. An index's `ns`, which no server takes any more,
/// is left out.
Result<Metadata> parse_metadata(std::string_view json);

/// prelude.json: which server and which tool made the folder.
std::string prelude_json(std::string_view server_version, std::string_view tool_version);

}  // namespace varve::dump
