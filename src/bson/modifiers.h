#pragma once

#include "bson/document.h"

namespace varve::bson {

/// update.h's {$v: 1, $set, $unset}: what MongoDB before 5.0 logs, and what it may log still.
Result<Document> apply_modifiers(View document, View o);

/// True if both name the same paths under the same operators in the same order.
bool same_places(View one, View other);

}  // namespace varve::bson
