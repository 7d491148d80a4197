#pragma once

#include <map>
#include <set>
#include <string>

#include "bson/document.h"
#include "bson/namespace.h"
#include "mongo/connection.h"

namespace varve::mongo {

struct Listed {
  std::string type;  ///< "collection", "view", "timeseries"
  Bytes uuid;        ///< 16 bytes; empty for a view and a time-series
};
using Names = std::map<bson::Namespace, Listed>;

/// The collections, views and time-series of these databases, in one cheap call a database; nothing for databases that
/// do not exist.
Result<Names> list_names(Connection& connection, const std::set<std::string>& databases, const Cancel& cancel);

/// Of a collection that is there or not.
Result<bool> is_empty(Connection& connection, const bson::Namespace& ns, const Cancel& cancel);

/// How many documents have a date in `field` that is older than `seconds` before now: what a TTL index would delete at
/// once.
Result<int64_t> count_expired(Connection& connection, const bson::Namespace& ns, std::string_view field,
                              int64_t seconds, int64_t now_ms, const Cancel& cancel);

}  // namespace varve::mongo
