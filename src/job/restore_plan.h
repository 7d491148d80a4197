#pragma once

#include "job/restore.h"
#include "mongo/connection.h"

namespace varve::job {

/// Everything that can be known before the first write: the target, what is there, what would be replaced, who would
/// get in.
Result<RestorePlan> plan_restore(BackupMoment& moment, const RestoreOptions& options, mongo::Connection& connection,
                                 const Cancel& cancel);

/// kExists, naming what is there, if the plan would replace anything.
Status refuse_existing(const RestorePlan& plan);

}  // namespace varve::job
