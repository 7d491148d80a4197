#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace varve::dump {

/// A collection's file name without suffix, as mongodump makes it: form-style percent encoding, and above 238 bytes the
/// first 208 of it, "%24" and the base64url SHA-1 of the raw name.
std::string escape_collection(std::string_view collection);
/// kInvalidInput for a database name that may not become a folder: empty, over 63 bytes, ".", "..", or with / \ NUL in
/// it.
Status check_database(std::string_view db);

}  // namespace varve::dump
