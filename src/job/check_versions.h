#pragma once

#include "job/restore.h"
#include "mongo/connection.h"
#include "mongo/server.h"

namespace varve::job {

/// Says everything that is in the plan as the target's version takes it. kUnsupported, naming every collection, option
/// and index that it cannot take, before the first write; with `options.allow_version_mismatch` those are left out of
/// the plan and named in its shortfalls. Reads only.
Status check_versions(mongo::Connection& connection, const BackupMoment& moment, const RestoreOptions& options,
                      RestorePlan& plan, const Cancel& cancel);

/// The entry as a server of that version holds it once it is restored: said in the server's words where that means the
/// same, which is told in `remarks`; as it was where the server cannot take it.
collection::CollectionEntry in_words_of(const mongo::ServerVersion& server, const collection::Manifest& manifest,
                                        collection::CollectionEntry entry, const std::string& name,
                                        std::vector<std::string>& remarks);

}  // namespace varve::job
