#pragma once

#include "mongo/catalog.h"

// The witnesses of a standalone, which has no oplog: whether it was written to between two looks at it. The catalog's
// own changes show in the catalog (same_catalog).

namespace varve::mongo {

struct WriteCounters {
  /// For each collection how often it was written to and how many documents it has.
  bson::Document writes;
  /// Commands that write where no collection counts it. They count when they begin, so one that waits for a lock or
  /// fails is in it too.
  bson::Document attempts;
};
Result<WriteCounters> write_counters(Connection& connection, const Cancel& cancel);

}  // namespace varve::mongo
