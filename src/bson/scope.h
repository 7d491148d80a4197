#pragma once

#include <optional>
#include <string>

#include "bson/namespace.h"
#include "bson/view.h"

namespace varve::bson {

/// Why a collection is no part of a backup; nothing if it is. (RULES: what belongs to the server and not to its user
/// stays behind.)
std::optional<std::string> out_of_scope(const Namespace& ns);

/// The same for a whole database.
std::optional<std::string> out_of_scope(const std::string& db);

/// A collection that the server made on the way to another: of $out, mapReduce, convertToCapped, a rename. Only names
/// that users do not give: a user's own "tmp_orders" is none.
bool is_temporary(const std::string& collection, View options);

}  // namespace varve::bson
