#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bson/view.h"

namespace varve::bson {

/// One place in which two documents differ.
struct FieldChange {
  std::string path;                          ///< "total", "items.0.price"; a dot in a name is as it is
  std::optional<std::string> before, after;  ///< relaxed Extended JSON; nothing where the field is not there
};
/// From one document to another, in the order of the first one's fields, new ones last: what is inside of documents and
/// arrays by itself, as deep as BSON that a server takes; deeper or broken is told as a whole. Another order of the
/// same fields is a change of the whole, named by the path of what holds them, "" being the document.
std::vector<FieldChange> field_changes(View before, View after);

}  // namespace varve::bson
