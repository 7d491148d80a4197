#pragma once

#include <limits>
#include <string_view>

#include "base/reporter.h"
#include "repo/writer.h"

namespace varve::maintenance {

/// How much unused data may stay, so that not every pack with a little of it must be written anew.
struct MaxUnused {
  enum class Kind : uint8_t { kPercent, kBytes, kUnlimited };
  Kind kind = Kind::kPercent;
  double percent = 5;  ///< of everything that is left
  uint64_t bytes = 0;

  /// The limit in bytes beside so much data in use.
  uint64_t beside(uint64_t used) const;
};
/// "5%", "200M" or "unlimited". kInvalidInput.
Result<MaxUnused> parse_max_unused(std::string_view text);

struct PruneOptions {
  MaxUnused max_unused;
  uint64_t max_repack_size = std::numeric_limits<uint64_t>::max();  ///< bytes of packs that are written anew at most
  uint64_t small_pack = 0;             ///< packs below it are joined; 0: what is small beside the others
  bool repack_cacheable_only = false;  ///< only packs of trees are written anew
  bool repack_uncompressed = false;    ///< what is not compressed gets compressed
  repo::WriterOptions writer;          ///< how what stays is packed
  bool dry_run = false;                ///< plan only
  std::vector<Id> without;             ///< snapshots that count as removed already
};

/// In restic's terms: packed bytes without headers; a pack that is repacked counts whole.
struct PruneStats {
  struct {
    uint64_t used = 0, duplicate = 0, unused = 0, total = 0;
    uint64_t repack = 0, repack_remove = 0, remove = 0, remove_total = 0, remaining = 0;
  } blobs;
  struct {
    uint64_t used = 0, duplicate = 0, unused = 0, unreferenced = 0, uncompressed = 0, total = 0;
    uint64_t repack = 0, repack_remove = 0, remove = 0, remove_total = 0, remaining = 0, remaining_unused = 0;
  } bytes;
  struct {
    uint64_t used = 0, unused = 0, partly_used = 0, unreferenced = 0, total = 0;
    uint64_t keep = 0, repack = 0, remove = 0, remove_total = 0;
  } packs;
};

struct PruneResult {
  PruneStats stats;
  uint64_t snapshots = 0;         ///< that data is kept for
  std::vector<Id> missing_packs;  ///< were in the index but are not there, and nothing needs them
  std::vector<std::string> left;  ///< why packs that nobody needs could not be removed; the next run tries again
};

/// Removes the data that no snapshot needs. Needs an exclusive lock; loads the index, which is outdated afterwards.
/// Before anything is removed it is sure that all that snapshots need is indexed, and its packs are there with the
/// right size, and that the storage lists the same snapshots and index files as when it was planned. What stays of a
/// partly used pack is opened, hashed and copied; new packs are durable before an index names them; both are read back
/// before the old index goes, and that goes before the old packs: interrupted at any moment it leaves garbage at most,
/// which the next run removes. Memory: the index, and a byte for each blob; 16 bytes for each of those that are copied
/// at a time; a few packs.
Result<PruneResult> prune(repo::Repository& repository, const PruneOptions& options, Reporter& reporter,
                          const Cancel& cancel);

}  // namespace varve::maintenance
