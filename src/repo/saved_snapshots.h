#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repo/destinations.h"
#include "repo/writer.h"

namespace varve::repo {

/// What became of a backup in one of its destinations.
struct SavedSnapshot {
  std::optional<Id> snapshot;  ///< none where it failed, or where none was to be saved
  std::optional<Id> parent;
  WriterStats stored;
  std::optional<Error> failure;  ///< why the repository has no snapshot although it should
};

/// A snapshot that is to be saved in each destination that is left.
struct SnapshotToSave {
  Snapshot snapshot;  ///< all but parent, original, and in its summary the end and what was added
  std::vector<std::optional<Snapshot>> parents;  ///< of each destination
  bool dry_run = false;                          ///< save none
  bool skip_if_unchanged = false;                ///< none where the parent has the same tree
};

/// What a writer stored, as a summary says it.
void add_counters(const WriterStats& stored, SnapshotSummary& summary);

/// Finishes the writer, saves the snapshot in each destination as soon as all of it is there, whatever the others take,
/// and tells of each, in their order. The first one saved is the original of the others, so that copy knows them for
/// the same. Fails only if all did, or when the program is to stop; what has a snapshot by then is in the error's
/// hints.
Result<std::vector<SavedSnapshot>> save_snapshots(Destinations& to, Writer& writer, const SnapshotToSave& what,
                                                  const Clock& clock = system_clock());

/// What became of the first that did not fail.
const SavedSnapshot& first_saved(const std::vector<SavedSnapshot>& all);
/// Whether none failed.
bool all_saved(const std::vector<SavedSnapshot>& all);

}  // namespace varve::repo
