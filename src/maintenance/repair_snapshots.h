#pragma once

#include "base/reporter.h"
#include "repo/snapshot_files.h"

namespace varve::maintenance {

struct RepairSnapshotsOptions {
  bool forget = false;   ///< the repaired snapshot takes the place of the broken one
  bool named = false;    ///< by the user, each: with `forget` even one whose file cannot be read is removed
  bool dry_run = false;  ///< write nothing
};

/// One thing that a repaired snapshot has no longer, or has otherwise.
struct SnapshotChange {
  enum class Kind : uint8_t {
    kShortened,      ///< a file lost the blobs that are in no pack
    kSizeCorrected,  ///< a file's recorded size was not that of its content
    kEmptied,        ///< a folder whose tree cannot be read is empty now
    kDropped,        ///< an entry that nobody can make use of
    kAsBefore,       ///< a folder that was changed so in an earlier snapshot already
  };
  Kind kind = Kind::kShortened;
  std::string path;              ///< "/mongodb/shop/rs0/dump/shop/orders.bson"
  uint64_t blobs = 0, lost = 0;  ///< kShortened: of so many blobs so many
  std::string why;               ///< kEmptied, kDropped
  Id snapshot;                   ///< kAsBefore: which
};

struct RepairedSnapshot {
  enum class Outcome : uint8_t {
    kSound,        ///< nothing to be done
    kRepaired,     ///< a new snapshot was saved, or would be
    kRemoved,      ///< nothing of it can be read: removed with `forget`, or would be
    kIrreparable,  ///< the same without `forget`: it is left as it is
  };
  Id id;
  Outcome outcome = Outcome::kSound;
  std::optional<Id> new_id;             ///< kRepaired, unless it was a dry run
  std::string why;                      ///< kRemoved, kIrreparable
  std::vector<SnapshotChange> changes;  ///< the first of them
  uint64_t more_changes = 0;            ///< how many are not listed
};

/// Saves each of these snapshots that misses something anew, without what is missing, as restic's `repair snapshots`
/// does: a file keeps the blobs that the index has and gets their size, a tree that cannot be read becomes an empty
/// one; the new snapshot has the tag "repaired", unless `forget` lets it take the old one's place, and names the old
/// one as its original. Trees in which nothing is missing keep their ids. Beyond restic: a snapshot of which nothing
/// can be read is removed only with `forget`. Needs an exclusive lock and a loaded index, which must be right:
/// repair_index and repair_packs come first. Data blobs are not read. A broken snapshot goes only after its successor
/// is durable.
Result<std::vector<RepairedSnapshot>> repair_snapshots(repo::Repository& repository,
                                                       const std::vector<repo::SnapshotFile>& snapshots,
                                                       const RepairSnapshotsOptions& options, Reporter& reporter,
                                                       const Cancel& cancel);

}  // namespace varve::maintenance
