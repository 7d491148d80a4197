#pragma once

#include "collection/manifest.h"
#include "job/verify.h"
#include "mongo/catalog.h"

namespace varve::job {

/// Adds to `difference` how the server's collection differs from the backup's in type, options and indexes. What a
/// server adds or drops by itself (an index's version, namespace and `background`) does not count. Pure.
void compare_catalog(const collection::CollectionEntry& backup, const mongo::CollectionInfo& server,
                     Difference& difference);

}  // namespace varve::job
