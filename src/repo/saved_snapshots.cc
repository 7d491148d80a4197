#include "repo/saved_snapshots.h"

#include <algorithm>
#include <mutex>

#include <fmt/format.h>

namespace varve::repo {

void add_counters(const WriterStats& stored, SnapshotSummary& summary) {
  summary.data_blobs = stored.data_blobs_new;
  summary.tree_blobs = stored.tree_blobs_new;
  summary.data_added = stored.plain_bytes_new;
  summary.data_added_packed = stored.packed_bytes;
}

namespace {

/// One backup's snapshots, saved by the threads on which its destinations finish.
class Saving {
 public:
  Saving(Destinations& to, const Writer& writer, const SnapshotToSave& what, const Clock& clock)
      : to_(to), writer_(writer), what_(what), clock_(clock), all_(to.size()) {}

  void save(size_t i) {
    const auto& parent = what_.parents[i];
    const bool unchanged = what_.skip_if_unchanged && parent && parent->tree == what_.snapshot.tree;
    if (what_.dry_run || unchanged) return;
    const std::lock_guard lock(mutex_);  // one after the other: each must know the original
    auto saved = put(i);
    if (!saved) return to_.give_up(i, saved.error());
    all_[i].snapshot = *saved;
    if (!original_) original_ = *saved;
  }

  std::vector<SavedSnapshot> result() {
    for (size_t i = 0; i < to_.size(); ++i) {
      auto& one = all_[i];
      if (what_.parents[i]) one.parent = what_.parents[i]->id;
      one.stored = writer_.stats(i);
      if (!one.snapshot && !to_.has(i)) one.failure = to_.cancel(i).check().error();
    }
    return std::move(all_);
  }

 private:
  Result<Id> put(size_t i) {
    Snapshot snapshot = what_.snapshot;
    if (what_.parents[i]) snapshot.parent = what_.parents[i]->id;
    if (!snapshot.original) snapshot.original = original_;
    if (snapshot.summary) {
      snapshot.summary->backup_end = clock_.now();
      add_counters(writer_.stats(i), *snapshot.summary);
    }
    const Cancel cancel = to_.cancel(i);
    TRY(cancel.check());
    return to_[i].save_snapshot(snapshot, cancel);
  }

  Destinations& to_;
  const Writer& writer_;
  const SnapshotToSave& what_;
  const Clock& clock_;
  std::mutex mutex_;
  std::vector<SavedSnapshot> all_;
  std::optional<Id> original_;
};

}  // namespace

Result<std::vector<SavedSnapshot>> save_snapshots(Destinations& to, Writer& writer, const SnapshotToSave& what,
                                                  const Clock& clock) {
  Saving saving(to, writer, what, clock);
  auto finished = writer.finish([&](size_t i) { saving.save(i); });
  auto all = saving.result();
  if (std::ranges::all_of(all, [](const auto& one) { return one.snapshot.has_value(); })) return all;
  if (finished) finished = to.outer().check();
  if (finished && std::ranges::all_of(all, [](const auto& one) { return one.failure.has_value(); })) {
    finished = fail(*all.front().failure);
  }
  if (finished) return all;
  auto error = std::move(finished).error();
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i].snapshot) continue;
    error.hint(
        fmt::format("it is complete in {}: snapshot {}", to[i].storage().location(), all[i].snapshot->short_hex()));
  }
  return fail(std::move(error));
}

const SavedSnapshot& first_saved(const std::vector<SavedSnapshot>& all) {
  const auto found = std::ranges::find_if(all, [](const auto& one) { return !one.failure; });
  return found == all.end() ? all.front() : *found;
}

bool all_saved(const std::vector<SavedSnapshot>& all) {
  return std::ranges::none_of(all, [](const auto& one) { return one.failure.has_value(); });
}

}  // namespace varve::repo
