#pragma once

#include <functional>
#include <string>
#include <vector>

#include "repo/repository.h"

namespace varve::repo {

struct CheckOptions {
  bool read_data = false;
};

/// One thing that is wrong. `path` names the first file affected where that is known ("snapshot 9e1d04c7:
/// dump/shop/orders.bson").
struct Finding {
  enum class Severity : uint8_t { kError, kHint };
  Severity severity = Severity::kError;
  std::string what;
  std::vector<std::string> affects;
};

struct CheckResult {
  std::vector<Finding> findings;
  uint64_t snapshots = 0, packs = 0, blobs = 0, bytes_read = 0;
  bool ok() const;  ///< no finding of severity kError
};

/// Called now and then with packs done and in all; may be empty.
using CheckProgress = std::function<void(uint64_t done, uint64_t total)>;

/// What restic's check verifies (reference: restic's design document): index files, packs present with the right size,
/// snapshots, trees, every blob of every file in the index; with read_data each pack's hash, header and every blob.
/// The index need not be loaded: it is read here, file by file, so that a broken one is a finding and not the end.
Result<CheckResult> check(Repository& repository, const CheckOptions& options, const CheckProgress& progress,
                          const Cancel& cancel);

}  // namespace varve::repo
