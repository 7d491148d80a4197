#pragma once

#include "bson/scope.h"

namespace varve::mongo {

using bson::is_temporary;
using bson::out_of_scope;

}  // namespace varve::mongo
