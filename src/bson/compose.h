#pragma once

#include "bson/document.h"

namespace varve::bson {

/// One update that does to any document what `earlier` and then `later` do; nothing if there is none, or none that is
/// easy to tell. Both as apply_update takes them. A counter's updates become the last of them, updates of several
/// fields one of all fields.
std::optional<Document> compose(View earlier, View later);

}  // namespace varve::bson
