#include "repo/saved_snapshots.h"

#include <algorithm>

namespace varve::repo {

void add_counters(const WriterStats& stored, SnapshotSummary& summary) {
  summary.data_blobs = stored.data_blobs_new;
  summary.tree_blobs = stored.tree_blobs_new;
  summary.data_added = stored.plain_bytes_new;
  summary.data_added_packed = stored.packed_bytes;
}

namespace {

Result<Id> save_one(Repository& repository, Snapshot snapshot, const SavedSnapshot& about, const Cancel& cancel) {
  snapshot.parent = about.parent;
  if (snapshot.summary) add_counters(about.stored, *snapshot.summary);
  TRY(cancel.check());
  return repository.save_snapshot(snapshot, cancel);
}

}  // namespace

Result<std::vector<SavedSnapshot>> save_snapshots(Destinations& to, const Writer& writer, const SnapshotToSave& what) {
  std::vector<SavedSnapshot> all(to.size());
  Snapshot snapshot = what.snapshot;
  for (size_t i = 0; i < to.size(); ++i) {
    auto& one = all[i];
    const auto& parent = what.parents[i];
    if (parent) one.parent = parent->id;
    one.stored = writer.stats(i);
    const bool unchanged = what.skip_if_unchanged && parent && parent->tree == snapshot.tree;
    if (to.has(i) && !what.dry_run && !unchanged) {
      auto saved = save_one(to[i], snapshot, one, to.cancel(i));
      if (!saved) to.give_up(i, saved.error());
      if (saved) one.snapshot = *saved;
      if (saved && !snapshot.original) snapshot.original = *saved;
    }
    if (!one.snapshot && !to.has(i)) one.failure = to.cancel(i).check().error();
  }
  if (std::ranges::all_of(all, [](const auto& one) { return one.failure.has_value(); })) {
    return fail(*all.front().failure);
  }
  return all;
}

const SavedSnapshot& first_saved(const std::vector<SavedSnapshot>& all) {
  const auto found = std::ranges::find_if(all, [](const auto& one) { return !one.failure; });
  return found == all.end() ? all.front() : *found;
}

bool all_saved(const std::vector<SavedSnapshot>& all) {
  return std::ranges::none_of(all, [](const auto& one) { return one.failure.has_value(); });
}

}  // namespace varve::repo
