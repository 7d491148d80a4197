#pragma once

#include <memory>

#include "maintenance/prune.h"

namespace varve::maintenance::testing {

/// Prunes a repository of small_backup.h, removing the locks of crashed runs first, and expects that afterwards each
/// blob that some snapshot needs is there exactly once, that nothing else is, and that `check` has nothing to say.
void expect_prune_leaves_no_garbage(const std::shared_ptr<storage::Storage>& storage);

}  // namespace varve::maintenance::testing
