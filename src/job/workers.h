#pragma once

#include <functional>

#include "mongo/connection.h"

namespace varve::job {

/// Calls `step` once for each index below `count`, in ascending order of their beginnings, by `workers` threads with a
/// connection to `uri` each. The first error stops the others and is returned.
using Step = std::function<Status(mongo::Connection&, size_t index, const Cancel&)>;
Status for_each_connected(const mongo::Uri& uri, unsigned workers, size_t count, const Step& step,
                          const Cancel& cancel);

}  // namespace varve::job
