#pragma once

#include "job/restore.h"
#include "mongo/names.h"

namespace varve::job {

/// Tells the plan which restores the target knows of and, with `options.resume`, has its items go on where this one was
/// interrupted. `present`: what the databases of the plan hold. kInvalidInput, before the first write, if what was
/// begun there is a restore by other words or of another backup. Reads only.
Status plan_resume(mongo::Connection& connection, const BackupMoment& moment, const RestoreOptions& options,
                   const mongo::Names& present, RestorePlan& plan, const Cancel& cancel);

/// kExists, with the two ways there are, if the plan would write over what an interrupted run of the same restore has
/// left and does not say what becomes of it; a remark where it is replaced.
Status refuse_unfinished(const RestoreOptions& options, RestorePlan& plan);

/// Right before what an interrupted run has made is dropped: kExists if somebody has put something there since it was
/// looked at.
Status check_redo(mongo::Connection& connection, const RestorePlan::Item& item, const Cancel& cancel);

/// A line for each other unfinished restore that has brought one of these collections.
std::vector<std::string> tell_unfinished(const RestorePlan& plan);

}  // namespace varve::job
