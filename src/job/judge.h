#pragma once

#include <vector>

#include "job/backup.h"
#include "job/kept_oplog.h"
#include "job/read_collections.h"
#include "mongo/catalog.h"

namespace varve::job {

/// What a backup has read and heard, before it is decided what becomes part of it.
struct Evidence {
  const mongo::Source& source;
  const mongo::Catalog& catalog;
  const KeptOplog& oplog;
  bool accept_inconsistent = false;
};

/// Decides what becomes part of the backup, and what is said about it: leaves in `read` what does, sorted by name, and
/// enters collections, what is missing and why, and counts in `result`, whose manifest tells its consistency already.
void judge(const Evidence& evidence, std::vector<ReadCollection>& read, BackupResult& result);

}  // namespace varve::job
