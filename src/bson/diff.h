#pragma once

#include "bson/document.h"

namespace varve::bson {

/// The diff of update.h's {$v: 2, diff}:
///   document: {d: {field: false, ...}, u: {field: value, ...}, i: {field: value, ...}, s<field>: diff, ...}
///   array:    {a: true, l: <new length>, u<index>: value | s<index>: diff, ...}
/// Fields of `u` keep their place or are appended, those of `i` go to the end in the diff's order.
Result<Document> apply_diff(View document, View diff);

/// An array's or document's diff applied to an array or document, whichever it is.
Result<Document> apply_nested(View value, View diff);

/// True for a diff of an array: its first key is "a".
bool is_array_diff(View diff);

}  // namespace varve::bson
