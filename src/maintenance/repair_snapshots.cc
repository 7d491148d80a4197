#include "maintenance/repair_snapshots.h"

#include "maintenance/read_back.h"
#include "maintenance/repair_trees.h"
#include "repo/walk_trees.h"

namespace varve::maintenance {

namespace {

using repo::Snapshot;
using repo::SnapshotFile;
using storage::FileType;
using Outcome = RepairedSnapshot::Outcome;

constexpr const char* kTag = "repaired";

class SnapshotRepair {
 public:
  SnapshotRepair(repo::Repository& repository, const RepairSnapshotsOptions& options, Reporter& reporter,
                 const Cancel& cancel)
      : repository_(repository), options_(options), reporter_(reporter), cancel_(cancel) {}

  Result<std::vector<RepairedSnapshot>> run(const std::vector<SnapshotFile>& snapshots) {
    TRY(repair_trees(snapshots));
    if (options_.dry_run) return std::move(result_);
    for (size_t i = 0; i < snapshots.size(); ++i) TRY(replace(snapshots[i], result_[i]));
    return std::move(result_);
  }

 private:
  /// Every tree is durable and indexed when it ends.
  Status repair_trees(const std::vector<SnapshotFile>& snapshots) {
    std::optional<repo::Writer> writer;
    // The broken ones go for what is written now.
    if (!options_.dry_run) writer.emplace(repository_, repo::WriterOptions{.read_back = options_.forget}, cancel_);
    TreeRepair trees(repository_, writer ? &*writer : nullptr);
    for (const auto& file : snapshots) {
      TRY(repair_tree(trees, file));
      reporter_.progress(
          {.action = "repair", .item = "snapshots", .items = result_.size(), .items_total = snapshots.size()});
    }
    if (!writer) return {};
    TRY(writer->finish());
    return options_.forget ? read_back_index(repository_, writer->index_files(), cancel_) : Status();
  }

  Status repair_tree(TreeRepair& trees, const SnapshotFile& file) {
    RepairedSnapshot& outcome = result_.emplace_back();
    new_trees_.emplace_back();
    outcome.id = file.id;
    const auto give_up = [&](const Error& error, bool may_go) {
      outcome.outcome = may_go ? Outcome::kRemoved : Outcome::kIrreparable;
      outcome.why = error.message();
      return Status();
    };
    if (!file.snapshot) return give_up(file.snapshot.error(), options_.forget && options_.named);
    const auto tree = trees.repair(file.snapshot->tree, outcome, cancel_);
    if (!tree && !repo::is_damage(tree.error())) return fail(tree.error());
    if (!tree) return give_up(tree.error(), options_.forget);
    if (*tree != file.snapshot->tree) outcome.outcome = Outcome::kRepaired;
    new_trees_.back() = *tree;
    return {};
  }

  Status replace(const SnapshotFile& file, RepairedSnapshot& outcome) {
    if (outcome.outcome == Outcome::kRepaired) {
      Snapshot repaired = *file.snapshot;
      repaired.original = file.id;
      repaired.tree = new_trees_[static_cast<size_t>(&outcome - result_.data())];
      if (!options_.forget && !repaired.has_tag(kTag)) repaired.tags.emplace_back(kTag);
      TRY_ASSIGN(outcome.new_id, save_and_read_back(repository_, repaired, cancel_));
    }
    const bool goes = outcome.outcome == Outcome::kRemoved || (outcome.new_id && options_.forget);
    if (!goes) return {};
    TRY(repository_.confirm_locks(cancel_));
    return repository_.storage().remove({FileType::kSnapshot, file.id}, cancel_);
  }

  repo::Repository& repository_;
  const RepairSnapshotsOptions& options_;
  Reporter& reporter_;
  const Cancel& cancel_;
  std::vector<RepairedSnapshot> result_;
  std::vector<Id> new_trees_;
};

}  // namespace

Result<std::vector<RepairedSnapshot>> repair_snapshots(repo::Repository& repository,
                                                       const std::vector<SnapshotFile>& snapshots,
                                                       const RepairSnapshotsOptions& options, Reporter& reporter,
                                                       const Cancel& cancel) {
  return SnapshotRepair(repository, options, reporter, cancel).run(snapshots);
}

}  // namespace varve::maintenance
