#pragma once

#include <functional>

#include "bson/namespace.h"
#include "job/backup_moment.h"
#include "mongo/connection.h"

namespace varve::job {

/// Gives every document of one side, from the beginning each time it is called.
using DocumentSource = std::function<Status(const std::function<Status(ByteView)>& visit, const Cancel& cancel)>;

/// A collection of a backup as it was at the moment; each call merges anew. Both must outlive the source.
DocumentSource documents_of(const BackupReader& backup, const bson::Namespace& ns, const MergeOptions& merge);
/// A collection of a server, by name, in natural order. All must outlive the source.
DocumentSource documents_of(mongo::Connection& connection, const bson::Namespace& ns);

}  // namespace varve::job
