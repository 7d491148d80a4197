#pragma once

#include <string>
#include <vector>

#include "bson/document.h"

namespace varve::dump {

/// What mongodump writes beside a collection's data: canonical Extended JSON, keys in its order, no newline at the end.
/// `uuid_hex` is empty for views and time-series. Options that are empty are left out.
std::string metadata_json(bson::View options, const std::vector<bson::Document>& indexes, std::string_view uuid_hex,
                          std::string_view collection, std::string_view type);

/// prelude.json: which server and which tool made the folder.
std::string prelude_json(std::string_view server_version, std::string_view tool_version);

}  // namespace varve::dump
