#pragma once

#include "bson/document.h"

namespace varve::bson {

/// The document after an update as oplog entries write it in `o`: a whole document (which keeps the old `_id` if it has
/// none), {$v: 1, $set, $unset} with dotted paths, or {$v: 2, diff}. Fields come in the order in which a server has
/// them. Like a server that replays an oplog over data which may already be newer, it passes over what does not fit:
/// a path through something that is no document changes nothing, a nested diff of it leaves null; a later entry puts
/// that right.
///
/// kUnsupported, by name, for what this version does not know, binary diffs among it; kCorrupt if either document is
/// broken, if `o` contradicts itself, or if the result would be larger than any document can be.
Result<Document> apply_update(View document, View o);

/// True for an `o` that is a whole document.
bool is_replacement(View o);

/// True for {$v: 1} and for what has operators without a version.
bool is_modifiers(View o);

/// The diff in {$v: 2, diff}; an error for anything else.
Result<View> diff_of(View o);

}  // namespace varve::bson
