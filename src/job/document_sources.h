#pragma once

#include <functional>

#include "bson/namespace.h"
#include "job/backup_reader.h"
#include "mongo/connection.h"

namespace varve::job {

/// Gives every document of one side, from the beginning each time it is called.
using DocumentSource = std::function<Status(const std::function<Status(ByteView)>& visit, const Cancel& cancel)>;

/// A collection's file in a backup. Both must outlive the source.
DocumentSource documents_of(const BackupReader& backup, const repo::Node& file);
/// A collection of a server, by name, in natural order. All must outlive the source.
DocumentSource documents_of(mongo::Connection& connection, const bson::Namespace& ns);

}  // namespace varve::job
