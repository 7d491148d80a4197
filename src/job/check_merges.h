#pragma once

#include "job/restore.h"
#include "mongo/connection.h"

namespace varve::job {

/// kExists, with every conflict by name, where a collection of the plan cannot be merged into the one on the target, or
/// go on in it (RULES 19); tells the plan which indexes are there and remarks what stays as the target has it. Reads
/// only.
Status check_merges(mongo::Connection& connection, const RestoreOptions& options, RestorePlan& plan,
                    const Cancel& cancel);

}  // namespace varve::job
