#pragma once

#include "bson/document.h"

namespace varve::bson {

/// update.h's {$v: 1, $set, $unset}: what MongoDB before 5.0 logs, and what it may log still.
Result<Document> apply_modifiers(View document, View o);

}  // namespace varve::bson
