#pragma once

#include "collection/manifest.h"
#include "job/verify.h"
#include "mongo/catalog.h"

namespace varve::job {

/// How the two that are compared are called.
struct Sides {
  std::string_view ours = "in the backup", theirs = "on the server";
};

/// Adds to `difference` how the server's collection differs from the backup's in type, options and indexes. What a
/// server adds or drops by itself (an index's version, namespace and `background`) does not count, and what servers say
/// in other words (numbers of another type, a flag that is off and one that is not there) goes to `remarks`. Pure.
void compare_catalog(const collection::CollectionEntry& backup, const mongo::CollectionInfo& server,
                     Difference& difference, std::vector<std::string>& remarks, const Sides& sides = {});

/// Why the backup's collection cannot be merged into the server's, each a sentence; none where it can. Differences that
/// merely stay as the server has them (a validator, an expiry) go to `remarks`. `indexes`: whether they are wanted too.
/// Pure.
std::vector<std::string> merge_conflicts(const collection::CollectionEntry& backup, const mongo::CollectionInfo& server,
                                         bool indexes, std::vector<std::string>& remarks);

}  // namespace varve::job
