#pragma once

#include "bson/view.h"

namespace varve::bson {

/// Bytes that are equal for two `_id`s if a server holds these equal (without a collation): 3, 3.0 and Decimal128 3 are
/// one key, so are the string and the symbol "a". Most are their own key, for the others `scratch` holds it.
ByteView id_key(const Element& id, Bytes& scratch);

}  // namespace varve::bson
