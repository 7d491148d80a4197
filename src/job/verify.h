#pragma once

#include <string>
#include <vector>

#include "base/reporter.h"
#include "bson/namespace.h"
#include "bson/rename.h"
#include "job/backup_moment.h"
#include "mongo/uri.h"

namespace varve::job {

struct VerifyOptions {
  mongo::Uri against;
  bson::NamespaceFilter filter;      ///< of the names in the backup
  bson::NamespaceRename rename{};    ///< to the names on the server
  unsigned readers = 0;              ///< 0: 2
  size_t named_per_collection = 20;  ///< differing documents named by _id; the rest is counted
  MergeOptions merge{};
};

/// How one collection of the server differs from the backup.
struct Difference {
  bson::Namespace ns;  ///< on the server
  /// Each a sentence: a missing collection, an option, an index, a count.
  std::vector<std::string> what;
  /// `_id`s in relaxed Extended JSON, at most `named_per_collection` in all.
  std::vector<std::string> missing, extra, changed;
  uint64_t missing_count = 0, extra_count = 0, changed_count = 0;

  bool agrees() const { return what.empty() && missing_count + extra_count + changed_count == 0; }
};

struct VerifyResult {
  std::vector<Difference> differences;  ///< empty: all agree
  std::vector<std::string> remarks;
  uint64_t collections = 0, documents = 0, bytes = 0;
};

/// Compares a server with a backup as of its moment: every collection's documents, options and indexes, every view.
/// Documents by digest; where that differs, by `_id`. Reads the server only.
Result<VerifyResult> verify(const BackupReader& backup, const VerifyOptions& options, Reporter& reporter,
                            const Cancel& cancel);

}  // namespace varve::job
