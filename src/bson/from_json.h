#pragma once

#include "bson/document.h"

namespace varve::bson {

/// How older tools wrote what JSON has no word for: {"$regex", "$options"} is a regular expression there, and the query
/// operators of that name otherwise.
enum class JsonDialect : uint8_t { kVersion1, kVersion2 };

/// A document from MongoDB's Extended JSON: canonical or relaxed, and the forms of version 1 too ({"$binary": text,
/// "$type": hex}, {"$date": text or number}). Numbers without a wrapper become int32, int64 or double, the first that
/// holds them. Keys stay in order. kCorrupt for what is not a JSON object, or a wrapper whose value makes no sense.
Result<Document> from_json(std::string_view text, JsonDialect dialect = JsonDialect::kVersion2);

}  // namespace varve::bson
