#pragma once

#include "bson/document.h"

namespace varve::bson {

/// The diff of update.h's {$v: 2, diff}:
///   document: {d: {field: false, ...}, u: {field: value, ...}, i: {field: value, ...}, s<field>: diff, ...}
///   array:    {a: true, l: <new length>, u<index>: value | s<index>: diff, ...}
/// Fields of `u` keep their place or are appended, those of `i` go to the end in the diff's order.
Result<Document> apply_diff(View document, View diff);

/// True if `later` names the places that `earlier` names, in the same order all the way down, so that the values of
/// `earlier` can't be seen any more.
bool covers_diff(View later, View earlier);

}  // namespace varve::bson
