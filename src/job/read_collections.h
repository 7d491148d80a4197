#pragma once

#include <memory>
#include <vector>

#include "base/reporter.h"
#include "job/backup_plan.h"
#include "job/document_file.h"

namespace varve::job {

/// One collection after it was read.
struct ReadCollection {
  PlannedCollection plan;
  std::unique_ptr<DocumentFile> file;  ///< empty for views
  std::string note;                    ///< e.g. that it was dropped while it was read
};

struct ReadOptions {
  mongo::Uri uri;  ///< direct to the member
  bool majority = true;
  unsigned readers = 2;
  std::array<uint8_t, 16> cut_key{};
};

/// Reads every planned collection, largest first, by a pool of readers with a connection each. A collection that is
/// dropped or renamed away while it is read keeps what came so far and gets a note: the oplog of the window has the
/// rest.
Result<std::vector<ReadCollection>> read_collections(std::vector<PlannedCollection> plan, const ReadOptions& options,
                                                     repo::Writer& writer, Reporter& reporter, const Cancel& cancel);

}  // namespace varve::job
