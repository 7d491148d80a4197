#pragma once

#include <string>
#include <vector>

#include "job/restore_load.h"

namespace varve::job {

/// What reading one restored collection back has shown; nothing at all where it is as it should be.
struct Proof {
  bool differs = false;  ///< it holds other documents than were sent
  std::vector<std::string> shortfalls, remarks;
};

/// Of a collection that holds the documents that were sent and no others: by digest, and by order where that counts.
Result<Proof> prove_loaded(mongo::Connection& connection, const RestorePlan::Item& item, const Loaded& loaded,
                           const Cancel& cancel);

/// Of one into which documents were merged: what it holds besides is its own affair; what the backup holds must be
/// there, and the same if it was to be.
Result<Proof> prove_merged(mongo::Connection& connection, const RestorePlan::Item& item, const BackupReader& backup,
                           const RestoreOptions& options, const Cancel& cancel);

}  // namespace varve::job
