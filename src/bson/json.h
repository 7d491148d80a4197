#pragma once

#include <string>

#include "bson/view.h"

namespace varve::bson {

enum class JsonMode : uint8_t { kCanonical, kRelaxed };

/// MongoDB Extended JSON v2, without white space, no HTML escaping, keys in order: what mongodump puts into
/// metadata.json (canonical) and what people read (relaxed). Bytes that are not BSON give "<not BSON>" where they
/// stand; invalid UTF-8 becomes U+FFFD.
std::string to_json(View document, JsonMode mode);
/// The same for one value, e.g. an `_id` in a message.
std::string to_json(const Element& value, JsonMode mode);

}  // namespace varve::bson
