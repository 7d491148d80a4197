#pragma once

#include <map>
#include <optional>

#include "job/backup.h"
#include "mongo/catalog.h"
#include "repo/snapshot.h"

namespace varve::job {

/// The snapshot before this one of the same source, and what it says of its collections: a new base keeps their order
/// and chunk size, so that it deduplicates.
struct Parent {
  repo::Snapshot snapshot;
  collection::Manifest manifest;
};

/// The newest backup of the source, if there is one and it can be read; imports are none, since they bind a source to
/// no replica set. kInvalidInput if it is of another replica set and `options` does not accept that (RULES 23). Loads
/// the index, after the snapshots were listed.
Result<std::optional<Parent>> find_parent(repo::Repository& repository, const BackupOptions& options,
                                          const mongo::Source& source, const Cancel& cancel);

/// The same for an import: the newest snapshot, of whatever set.
Result<std::optional<Parent>> find_parent_of_import(repo::Repository& repository, const std::string& source,
                                                    const Cancel& cancel);

/// One collection to be backed up.
struct PlannedCollection {
  mongo::CollectionInfo info;
  bool selected = true;                    ///< false: a temporary, kept only if the window renames it (RULES 4)
  std::optional<collection::Order> order;  ///< not yet decided where empty
  uint32_t average_chunk = 1u << 20;
};

/// What of the catalog is read: what the filter takes and the temporaries beside it. Largest first.
std::vector<PlannedCollection> plan_collections(const mongo::Catalog& catalog, const BackupOptions& options,
                                                const std::optional<Parent>& parent);

}  // namespace varve::job
