#pragma once

#include "base/cancel.h"
#include "job/restore.h"

namespace varve::job {

/// What a server takes that speaks MongoDB's protocol and is another one, no table tells. So everything in the plan
/// beyond documents and plain indexes is tried out on an empty collection of our own in the target's `varve_restore`,
/// which is gone afterwards: options and indexes must come out as they were given. kUnsupported, before anything else
/// is written, with a sentence for each thing refused; or, if `options` allow that, the plan goes on without these. Of
/// a MongoDB nothing is tried: version_rules know it. A dry run only tells what would be tried.
Status try_out(mongo::Connection& connection, const RestoreOptions& options, RestorePlan& plan, const Cancel& cancel);

}  // namespace varve::job
