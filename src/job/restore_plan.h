#pragma once

#include "job/restore.h"
#include "mongo/connection.h"

namespace varve::job {

/// Everything that can be known before the first write: the target, what is there, what would be replaced, who would
/// get in.
Result<RestorePlan> plan_restore(const BackupReader& backup, const RestoreOptions& options,
                                 mongo::Connection& connection, const Cancel& cancel);

/// kExists, naming what is there, if the plan would replace anything.
Status refuse_existing(const RestorePlan& plan);

/// The documents of a (small) collection of the backup, e.g. admin.system.users; none if it is not in it.
Result<std::vector<bson::Document>> small_collection(const BackupReader& backup, const bson::Namespace& ns,
                                                     const Cancel& cancel);

inline const bson::Namespace kUsers{"admin", "system.users"};
inline const bson::Namespace kRoles{"admin", "system.roles"};

}  // namespace varve::job
