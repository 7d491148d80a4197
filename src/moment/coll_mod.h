#pragma once

#include "collection/manifest.h"

namespace varve::moment {

/// What a collMod entry of the oplog does to a collection's options and indexes. kUnsupported, by name, for a change
/// that is not known. `narrow_ttl`: the server keeps an index's expireAfterSeconds in 32 bits, however it is logged.
Status apply_coll_mod(bson::View o, bool narrow_ttl, collection::CollectionEntry& entry);

/// The document with that field set: in its place, or at the end.
bson::Document with(bson::View document, std::string_view name, const bson::Element& value);

}  // namespace varve::moment
