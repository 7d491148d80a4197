#pragma once

#include "repo/repository.h"

namespace varve::maintenance {

/// Saves `changed`, whose id is still that of the snapshot that it stands for, and removes that one once the new one is
/// durable and was read back. Gives the new id. An error after the first step says that both are there.
Result<Id> replace_snapshot(repo::Repository& repository, const repo::Snapshot& changed, const Cancel& cancel);

}  // namespace varve::maintenance
