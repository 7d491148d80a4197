#include "maintenance/copy.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "repo/blob_reader.h"
#include "repo/read_blobs.h"
#include "repo/walk_trees.h"

namespace varve::maintenance {

namespace {

using repo::BlobType;
using repo::Repository;
using repo::Snapshot;
using PackedBlob = repo::Index::PackedBlob;

bool same_set(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  auto x = a, y = b;
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  return x == y;
}

/// The destination's snapshots by the ids that they ever had.
class Copies {
 public:
  explicit Copies(const std::vector<Snapshot>& all) {
    for (const auto& snapshot : all) {
      by_id_[snapshot.id].push_back(snapshot);
      if (snapshot.original) by_id_[*snapshot.original].push_back(snapshot);
    }
  }

  std::optional<Id> of(const Snapshot& source) const {
    const auto found = by_id_.find(source.original.value_or(source.id));
    if (found == by_id_.end()) return std::nullopt;
    for (const auto& candidate : found->second) {
      if (is_same_backup(candidate, source)) return candidate.id;
    }
    return std::nullopt;
  }

 private:
  std::unordered_map<Id, std::vector<Snapshot>> by_id_;
};

/// A set of blobs: the same bytes may be a tree and a file.
class BlobSet {
 public:
  bool insert(BlobType type, const Id& id) { return of(type).insert(id).second; }
  bool has(BlobType type, const Id& id) const { return sets_[static_cast<size_t>(type)].contains(id); }
  void clear() {
    for (auto& set : sets_) set.clear();
  }

 private:
  std::unordered_set<Id>& of(BlobType type) { return sets_[static_cast<size_t>(type)]; }
  std::unordered_set<Id> sets_[2];
};

/// What one snapshot needs of the destination, found out by a walk on several threads.
struct Needs {
  std::mutex mutex;
  std::vector<PackedBlob> missing;  ///< to be read, each once
  BlobSet seen;
  std::vector<Id> trees;              ///< those walked
  std::optional<std::string> damage;  ///< the first found

  void blame(std::string what) {
    if (!damage) damage = std::move(what);
  }
};

class Copying {
 public:
  Copying(Repository& from, Repository& to, const CopyOptions& options,
          const std::function<void(const CopyOutcome&)>& decided, Reporter& reporter, const Cancel& cancel)
      : from_(from), to_(to), options_(options), decided_(decided), reporter_(reporter), cancel_(cancel) {}

  Status run(const std::vector<Snapshot>& snapshots) {
    TRY_ASSIGN(const auto there, to_.snapshots(cancel_));
    const Copies copies(there);
    for (const auto& snapshot : snapshots) {
      if (const auto copy = copies.of(snapshot)) {
        decide({CopyOutcome::Kind::kThere, snapshot.id, *copy, {}});
      } else if (auto copied = copy_one(snapshot); !copied) {
        (void)end_batch();  // what is complete already need not be read again
        return copied;
      }
    }
    return end_batch();
  }

  CopyResult result() { return std::move(result_); }

 private:
  Status copy_one(const Snapshot& snapshot) {
    Needs needs;
    TRY(walk(snapshot, needs));
    if (!needs.damage) TRY(transfer(snapshot, needs));
    if (needs.damage) {
      decide({CopyOutcome::Kind::kFailed, snapshot.id, {}, *needs.damage});
      return {};
    }
    walked_.insert(needs.trees.begin(), needs.trees.end());
    waiting_.push_back(snapshot);
    return batch_is_full() ? end_batch() : Status();
  }

  /// Trees of snapshots that were whole are not walked again.
  Status walk(const Snapshot& snapshot, Needs& needs) {
    const auto visit = [&](const Id& id, const Result<std::vector<repo::Node>>& nodes) -> Status {
      std::lock_guard lock(needs.mutex);
      if (!nodes) return needs.blame(nodes.error().message()), Status();
      needs.trees.push_back(id);
      need(BlobType::kTree, id, needs);
      for (const auto& node : *nodes) {
        for (const auto& blob : node.content) need(BlobType::kData, blob, needs);
      }
      return {};
    };
    return repo::walk_trees(from_, {snapshot.tree}, visit, cancel_, [&](const Id& id) { return walked_.contains(id); });
  }

  void need(BlobType type, const Id& id, Needs& needs) {
    if (!needs.seen.insert(type, id)) return;
    if (to_.index().has(type, id) || handed_over_.has(type, id)) return;
    const auto places = from_.index().find(type, id);
    if (places.empty()) {
      return needs.blame(std::string(repo::type_noun(type)) + " " + id.short_hex() + " is in no pack of the source");
    }
    needs.missing.push_back({type, id, places.front()});
  }

  /// Reads what is missing and hands it to the writer.
  Status transfer(const Snapshot& snapshot, Needs& needs) {
    if (needs.missing.empty()) return {};
    if (!writer_) writer_ = std::make_unique<repo::Writer>(to_, options_.writer, cancel_);
    uint64_t total = 0, done = 0;
    for (const auto& blob : needs.missing) total += blob.location.length;
    const auto give = [&](const PackedBlob& blob, Result<Bytes> plain) -> Status {
      if (!plain) {
        std::lock_guard lock(needs.mutex);
        needs.blame(plain.error().message());
        return fail(plain.error());
      }
      TRY(writer_->save(blob.type, std::move(*plain), [](const Id&) {}));
      std::lock_guard lock(needs.mutex);
      handed_over_.insert(blob.type, blob.id);
      done += blob.location.length;
      reporter_.progress(
          {.action = "copy", .item = "snapshot " + snapshot.id.short_hex(), .bytes = done, .bytes_total = total});
      return {};
    };
    auto read = repo::read_blobs(from_, needs.missing, give, cancel_);
    return needs.damage ? Status() : read;
  }

  bool batch_is_full() const {
    return writer_ && writer_->stats().packed_bytes >= options_.packs_a_batch * options_.writer.pack_size;
  }

  /// Makes everything durable, and then the snapshots that stand on it.
  Status end_batch() {
    const auto writer = std::exchange(writer_, nullptr);
    const auto ready = std::exchange(waiting_, {});
    handed_over_.clear();  // the index knows them now
    if (writer) {
      TRY(writer->finish());
      count(writer->stats());
    }
    for (const auto& snapshot : ready) {
      Snapshot copy = snapshot;
      copy.parent.reset();  // it means nothing in another repository
      if (!copy.original) copy.original = snapshot.id;
      TRY_ASSIGN(const Id id, to_.save_snapshot(copy, cancel_));
      decide({CopyOutcome::Kind::kCopied, snapshot.id, id, {}});
    }
    return {};
  }

  void count(const repo::WriterStats& stats) {
    result_.stored.data_blobs_new += stats.data_blobs_new;
    result_.stored.tree_blobs_new += stats.tree_blobs_new;
    result_.stored.plain_bytes_new += stats.plain_bytes_new;
    result_.stored.packed_bytes += stats.packed_bytes;
  }

  void decide(CopyOutcome outcome) {
    if (decided_) decided_(outcome);
    result_.outcomes.push_back(std::move(outcome));
  }

  Repository& from_;
  Repository& to_;
  const CopyOptions& options_;
  const std::function<void(const CopyOutcome&)>& decided_;
  Reporter& reporter_;
  const Cancel cancel_;

  std::unordered_set<Id> walked_;
  BlobSet handed_over_;  ///< to the writer of this batch
  std::vector<Snapshot> waiting_;
  std::unique_ptr<repo::Writer> writer_;
  CopyResult result_;
};

}  // namespace

bool is_same_backup(const Snapshot& a, const Snapshot& b) {
  return a.time == b.time && a.tree == b.tree && a.hostname == b.hostname && a.username == b.username &&
         a.uid == b.uid && a.gid == b.gid && same_set(a.paths, b.paths) && same_set(a.tags, b.tags) &&
         a.excludes == b.excludes;
}

size_t CopyResult::count(CopyOutcome::Kind kind) const {
  return static_cast<size_t>(
      std::count_if(outcomes.begin(), outcomes.end(), [&](const auto& outcome) { return outcome.kind == kind; }));
}

Result<CopyResult> copy(Repository& from, Repository& to, const std::vector<Snapshot>& snapshots,
                        const CopyOptions& options, const std::function<void(const CopyOutcome&)>& decided,
                        Reporter& reporter, const Cancel& cancel) {
  Copying copying(from, to, options, decided, reporter, cancel);
  TRY(copying.run(snapshots));
  return copying.result();
}

}  // namespace varve::maintenance
