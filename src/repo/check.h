#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "repo/pack_hasher.h"
#include "repo/pack_subset.h"
#include "repo/repository.h"

namespace varve::repo {

struct CheckOptions {
  bool read_data = false;              ///< packs are read, not only looked at
  PackSubset subset;                   ///< which
  std::vector<std::string> snapshots;  ///< only these (ids, beginnings of ids, "latest"), and the packs that they need
  SnapshotFilter filter;               ///< the same, where no snapshots are named
  HashedPacks hashed;                  ///< packs whose content was compared with their names a moment ago

  bool limited() const { return !snapshots.empty() || !filter.empty(); }
};

/// A file or folder, "dump/shop/orders.bson"; empty for all of the snapshot.
struct Affected {
  Id snapshot;
  std::string path;
};

/// One thing that is wrong.
struct Finding {
  enum class Severity : uint8_t { kError, kHint };
  Severity severity = Severity::kError;
  std::string what;
  std::string advice;             ///< what to do about it; may be empty
  std::vector<Affected> affects;  ///< the first few
  uint64_t more_affected = 0;     ///< how many are not listed
  std::vector<Id> snapshots;      ///< every snapshot that it affects, oldest first
};

struct CheckResult {
  std::vector<Finding> findings;
  uint64_t snapshots = 0, packs = 0, blobs = 0, packs_read = 0, bytes_read = 0;
  uint64_t unindexed_packs = 0;      ///< that no index names: what is in them was not looked at
  std::vector<Id> broken_packs;      ///< `repair packs` salvages what can be read of them
  std::vector<Id> broken_snapshots;  ///< files that `repair snapshots --forget` removes
  bool suggest_repair_index = false, suggest_prune = false;

  bool ok() const { return errors() == 0; }  ///< no finding of severity kError
  uint64_t errors() const;
};

/// Called while index files are loaded, packs read and the trees of snapshots walked, with how many of their kind are
/// done and in all; may be empty.
using CheckProgress = std::function<void(std::string_view kind, uint64_t done, uint64_t total)>;

/// What restic's check verifies (reference: restic's design document): index files, packs present with the right size,
/// snapshots, trees, every blob of every file in the index; with read_data of packs hash, header and every blob.
/// The index need not be loaded: it is read here, file by file, so that a broken one is a finding and not the end.
Result<CheckResult> check(Repository& repository, const CheckOptions& options, const CheckProgress& progress,
                          const Cancel& cancel);

}  // namespace varve::repo
