#pragma once

#include "dump/reader.h"
#include "job/backup.h"

namespace varve::job {

struct ImportOptions {
  std::string source;  ///< the name that the snapshot is of
  std::string from;    ///< what is imported, in words: "the archive shop.archive"
  bson::NamespaceFilter filter;
  std::vector<std::string> tags;
  repo::WriterOptions writer{};
  std::optional<Time> time{};  ///< of the snapshot; now, if not given
  std::string program_version{};
};

/// Makes a snapshot out of a dump that mongodump (or export) wrote, under a lock that `cancel` follows: the same as a
/// backup makes, but in a folder of its own and bound to no replica set. With an oplog its moment is the oplog's end,
/// without one nobody knows it: consistency "imported". Whatever is damaged or not there is an error, and nothing is
/// saved. Loads the index, once the snapshots were listed.
///
/// Memory: the writer's pipeline; the descriptions of all collections (256 MiB at most, usually kilobytes each); of all
/// collections that are open at once 256 MiB of documents and one document each, since past that chunks are cut early;
/// about 80 bytes a chunk.
Result<BackupResult> import_dump(repo::Repository& repository, dump::DumpReader& reader, const ImportOptions& options,
                                 Reporter& reporter, const Cancel& cancel, const Clock& clock = system_clock());

}  // namespace varve::job
