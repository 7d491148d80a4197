#pragma once

#include <functional>

#include "base/reporter.h"
#include "repo/repository.h"

namespace varve::maintenance {

/// What became of one damaged pack.
struct SalvagedPack {
  Id pack;
  bool was_missing = false;
  uint64_t salvaged = 0;            ///< blobs that are in new packs now
  uint64_t lost = 0;                ///< blobs that nothing in the repository holds any more
  std::vector<std::string> losses;  ///< the first of them, and why
};

struct RepairPacksResult {
  std::vector<SalvagedPack> packs;
  uint64_t files_written = 0, files_removed = 0;  ///< index files
};

/// Gets a pack's bytes before it is removed; an error keeps it from being removed. What could not be read is zero.
using KeepCopy = std::function<Status(const Id& pack, ByteView bytes)>;

/// kInvalidInput for a pack that is neither stored nor in the index: it would be called repaired.
///
/// Brings every blob of these packs that can still be read, by the index or by the pack's own header, into new packs,
/// unchanged; takes the packs out of the index and then away. Needs an exclusive lock and a loaded index, which is
/// outdated afterwards. Order: copies, new packs (each read back), new index, old index files, old packs: interrupted
/// at any moment, no blob that could be read is lost. A storage that does not answer at all ends it with that error;
/// one that answers, but cannot give a pack's bytes even when asked twice, counts as damage. Memory: one pack and those
/// being filled.
Result<RepairPacksResult> repair_packs(repo::Repository& repository, const std::vector<Id>& packs,
                                       const KeepCopy& keep_copy, Reporter& reporter, const Cancel& cancel);

}  // namespace varve::maintenance
