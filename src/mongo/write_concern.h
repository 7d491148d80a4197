#pragma once

#include <string>

#include "bson/document.h"

namespace varve::mongo {

/// Adds `writeConcern` to a command that is being built: a number of members, or a word ("majority", a mode of the
/// set). With `journalled` the server answers only once the write is in its journal.
void add_write_concern(bson::Builder& command, const std::string& w, bool journalled = false);

}  // namespace varve::mongo
