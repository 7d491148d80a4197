#pragma once

#include <vector>

#include "repo/repository.h"

namespace varve::maintenance {

// What something else goes for must be there as it was written: not only taken by the storage, but given back by it.
// What is damaged already is taken away again, as it would be in everybody's way.

/// The index files can be opened and decoded.
Status read_back_index(repo::Repository& repository, const std::vector<Id>& files, const Cancel& cancel);
/// Saves a snapshot, and gives its id once it was read and says the same.
Result<Id> save_and_read_back(repo::Repository& repository, const repo::Snapshot& snapshot, const Cancel& cancel);

}  // namespace varve::maintenance
