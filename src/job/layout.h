#pragma once

#include <string>
#include <string_view>

#include "bson/namespace.h"
#include "collection/manifest.h"

namespace varve::job {

/// Where things lie in the snapshot of a source; docs/specs/snapshot-layout.md.
///   /mongodb/<source>/<set>/dump/...             a mongodump folder
///   /mongodb/<source>/<set>/varve/manifest.json
///   /mongodb/<source>/<set>/varve/keys/<uuid>    key indexes
std::string snapshot_path(std::string_view source);
/// Of the source's oplog archive: /mongodb-oplog/<source>; docs/specs/oplog-archive.md.
std::string archive_path(std::string_view source);
/// The replica set's folder, or "standalone".
std::string set_folder(std::string_view set_name);

inline constexpr std::string_view kOplogFile = "dump/oplog.bson";
inline constexpr std::string_view kPreludeFile = "dump/prelude.json";
inline constexpr std::string_view kManifestFile = "varve/manifest.json";

/// Relative to the set's folder.
std::string data_file(const bson::Namespace& ns);
std::string metadata_file(const bson::Namespace& ns);
std::string key_index_file(std::string_view uuid_hex);

/// Users, roles and what else of the server's own lies in admin.system.*: in the backup, but no collection to its user.
bool is_of_the_server(const bson::Namespace& ns);

inline constexpr std::string_view kIdentityTagPrefix = "varve:";
inline constexpr std::string_view kNeedsVarveTag = "needs-varve";
inline constexpr std::string_view kOplogTag = "oplog";

}  // namespace varve::job
