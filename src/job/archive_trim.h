#pragma once

#include <optional>
#include <vector>

#include "base/clock.h"
#include "job/restorable.h"
#include "repo/writer.h"

namespace varve::job {

/// What every second from a time on needs that can be brought back now.
struct Needed {
  std::vector<Base> bases;
  bson::Timestamp oplog_from;  ///< the oplog from then on
};
/// The fewest bases: of each part of the archive the newest one at or before `since`, else the first one, whole ones
/// before partial ones; and those that no part of it reaches, from `since` on; and the newest whole one in any case.
Needed needed_since(const Restorable& restorable, bson::Timestamp since);

/// An archive without what lies before a time.
struct TrimmedArchive {
  repo::Snapshot newest;                 ///< which holds all that is left; of a dry run what it was
  std::vector<repo::Snapshot> replaced;  ///< what it was made from, which may go
  uint64_t slices = 0, bytes = 0;        ///< left out
};
struct TrimOptions {
  std::string source;
  bson::Timestamp from;  ///< slices that end before it are left out; the newest slice stays
  bool dry_run = false;
  repo::WriterOptions writer{};
  std::string program_version{};
};
/// Saves a snapshot that lacks those slices, if there are any, and proves that it holds all others; removes nothing.
/// The index must be loaded, and the repository be locked exclusively, or at least shared for a dry run.
Result<TrimmedArchive> trim_archive(repo::Repository& repository, const OplogArchive& archive,
                                    const TrimOptions& options, const Cancel& cancel,
                                    const Clock& clock = system_clock());

}  // namespace varve::job
