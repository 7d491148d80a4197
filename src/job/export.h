#pragma once

#include <string>
#include <vector>

#include "base/reporter.h"
#include "job/export_source.h"

namespace varve::job {

struct ExportResult {
  uint64_t files = 0, bytes = 0;   ///< `bytes`: of documents, before gzip
  bool holds_credentials = false;  ///< users are among the documents
  /// What the snapshot no longer holds, and so the export neither; what stock tools will not bring back of it.
  std::vector<std::string> losses;
};

/// Writes all of `source` through `writer`: users and roles, then the largest first, then the oplog; several at once
/// where the writer takes that.
Result<ExportResult> export_dump(const ExportSource& source, dump::DumpWriter& writer, Reporter& reporter,
                                 const Cancel& cancel);

/// What an export of it takes. How far gzip compresses is not known before; it cannot compress further than `least`.
Room room_for(const ExportSource& source, bool gzip);

}  // namespace varve::job
