#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace varve::dump {

/// A collection's file name without suffix, as mongodump makes it: form-style percent encoding, and above 238 bytes the
/// first 208 of it, "%24" and the base64url SHA-1 of the raw name.
std::string escape_collection(std::string_view collection);
/// The other way; nothing if the name was shortened, or is not one that escape_collection makes.
std::optional<std::string> unescape_collection(std::string_view file_name);
/// The same for names that older tools made: what is escaped is taken back, and everything else is left as it is.
std::string unescape_loosely(std::string_view file_name);
/// Whether the name was shortened, so that nothing but the metadata knows the whole.
bool is_shortened(std::string_view file_name);
/// Whether mongorestore takes the collection for another one when it reads it from a folder: it takes '+' and '%' in
/// the whole name of a shortened one for escapes, and a time-series whose buckets' name is shortened for two.
bool is_misread(std::string_view collection, bool time_series);
/// kInvalidInput for a database name that may not become a folder: empty, over 63 bytes, ".", "..", or with / \ NUL in
/// it.
Status check_database(std::string_view db);

}  // namespace varve::dump
