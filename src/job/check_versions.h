#pragma once

#include "job/restore.h"
#include "mongo/connection.h"

namespace varve::job {

/// Says everything that is in the plan as the target's version takes it. kUnsupported, naming every collection, option
/// and index that it cannot take, before the first write; with `options.allow_version_mismatch` those are left out of
/// the plan and named in its shortfalls. Reads only.
Status check_versions(mongo::Connection& connection, const BackupMoment& moment, const RestoreOptions& options,
                      RestorePlan& plan, const Cancel& cancel);

}  // namespace varve::job
