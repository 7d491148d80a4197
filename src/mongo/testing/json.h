#pragma once

#include <string>

#include "bson/document.h"

namespace varve::mongo::testing {

/// Extended JSON as BSON; throws what is wrong with it.
bson::Document from_json(const std::string& text);

}  // namespace varve::mongo::testing
