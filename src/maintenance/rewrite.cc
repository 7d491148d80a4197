#include "maintenance/rewrite.h"

#include <algorithm>

#include "maintenance/read_back.h"
#include "maintenance/replace_snapshot.h"
#include "maintenance/rewrite_tree.h"
#include "repo/go_time.h"
#include "repo/walk_trees.h"

namespace varve::maintenance {

namespace {

using repo::Snapshot;
using Kind = RewriteOutcome::Kind;

constexpr std::string_view kTag = "rewrite";

repo::SnapshotSummary summarised(const Snapshot& snapshot, const RewrittenTree& tree) {
  repo::SnapshotSummary summary;
  summary.backup_start = summary.backup_end = repo::kGoZeroTime;
  if (snapshot.summary) summary = *snapshot.summary;
  summary.total_files_processed = tree.files;
  summary.total_bytes_processed = tree.bytes;
  return summary;
}

/// A snapshot, as the options want it: its tree is rewritten, itself not yet saved.
struct Planned {
  RewriteOutcome outcome;
  Snapshot after;
};

class Planner {
 public:
  Planner(repo::Repository& repository, const RewriteOptions& options, repo::Writer* writer)
      : options_(options), trees_(repository, options.is_left_out, writer) {}

  Result<Planned> plan(const Snapshot& before, const Cancel& cancel) {
    Planned planned;
    planned.outcome.before = before.id;
    planned.outcome.tree = before.tree;
    planned.after = before;
    auto& after = planned.after;
    bool changed = !options_.new_host.empty() || options_.new_time;
    if (options_.is_left_out || options_.summarise) {
      TRY_ASSIGN(const auto tree, trees_.rewrite(before.tree, "", cancel));
      after.tree = planned.outcome.tree = tree.id;
      planned.outcome.left_out = tree.left_out;
      const bool is_summarised = before.summary && before.summary->total_files_processed == tree.files &&
                                 before.summary->total_bytes_processed == tree.bytes;
      changed = changed || tree.id != before.tree || !is_summarised;
      after.summary = summarised(before, tree);
    }
    if (!changed) return planned;
    planned.outcome.kind = Kind::kRewritten;
    describe(after);
    return planned;
  }

 private:
  void describe(Snapshot& after) const {
    after.original = after.id;
    if (!options_.forget && !after.has_tag(kTag)) after.tags.emplace_back(kTag);
    if (!options_.new_host.empty()) after.hostname = options_.new_host;
    if (options_.new_time) {
      after.time = *options_.new_time;
      after.time_text = repo::format_go_local_time(after.time);
    }
  }

  const RewriteOptions& options_;
  TreeRewriter trees_;
};

Planned failed(const Snapshot& snapshot, const Error& error) {
  Planned planned;
  planned.outcome.kind = Kind::kFailed;
  planned.outcome.before = snapshot.id;
  planned.outcome.why = error.message();
  return planned;
}

Result<std::vector<Planned>> plan_all(Planner& planner, const std::vector<Snapshot>& snapshots, Reporter& reporter,
                                      const Cancel& cancel) {
  std::vector<Planned> all;
  for (const auto& snapshot : snapshots) {
    TRY(cancel.check());
    reporter.progress({.action = "rewrite",
                       .item = "snapshot " + snapshot.id.short_hex(),
                       .items = all.size(),
                       .items_total = snapshots.size()});
    auto planned = planner.plan(snapshot, cancel);
    if (!planned && !repo::is_damage(planned.error())) return fail(planned.error());
    all.push_back(planned ? std::move(*planned) : failed(snapshot, planned.error()));
  }
  return all;
}

Status save(repo::Repository& repository, Planned& planned, bool forget, const Cancel& cancel) {
  auto saved =
      forget ? replace_snapshot(repository, planned.after, cancel) : repository.save_snapshot(planned.after, cancel);
  if (!saved) return fail(saved.error());
  planned.outcome.after = *saved;
  return {};
}

}  // namespace

Result<std::vector<RewriteOutcome>> rewrite(repo::Repository& repository, const std::vector<Snapshot>& snapshots,
                                            const RewriteOptions& options,
                                            const std::function<void(const RewriteOutcome&)>& decided,
                                            Reporter& reporter, const Cancel& cancel) {
  std::vector<Planned> all;
  if (options.dry_run) {
    Planner planner(repository, options, nullptr);
    TRY_ASSIGN(all, plan_all(planner, snapshots, reporter, cancel));
  } else {
    repo::Writer writer(repository, {.read_back = options.forget}, cancel);
    Planner planner(repository, options, &writer);
    TRY_ASSIGN(all, plan_all(planner, snapshots, reporter, cancel));
    TRY(writer.finish());
    if (options.forget) TRY(read_back_index(repository, writer.index_files(), cancel));
  }
  std::vector<RewriteOutcome> outcomes;
  for (auto& planned : all) {
    if (planned.outcome.kind == Kind::kRewritten && !options.dry_run) {
      TRY(save(repository, planned, options.forget, cancel));
    }
    if (decided) decided(planned.outcome);
    outcomes.push_back(std::move(planned.outcome));
  }
  return outcomes;
}

}  // namespace varve::maintenance
