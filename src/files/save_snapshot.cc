#include "files/save_snapshot.h"

#include "repo/go_time.h"
#include "repo/host.h"

namespace varve::files {

namespace {

repo::Snapshot describe(const NewSnapshot& made, const SnapshotDetails& details) {
  const auto host = repo::this_host();
  repo::Snapshot snapshot;
  snapshot.time = details.time.value_or(made.started);
  snapshot.time_text = repo::format_go_local_time(snapshot.time);  // retention counts days of that zone, as restic's
  snapshot.tree = made.tree;
  snapshot.paths = made.paths;
  snapshot.hostname = details.host.empty() ? host.hostname : details.host;
  snapshot.username = host.username;
  snapshot.uid = host.uid;
  snapshot.gid = host.gid;
  snapshot.excludes = made.excludes;
  snapshot.tags = details.tags;
  snapshot.program_version = details.program_version;
  return snapshot;
}

repo::SnapshotSummary summary_of(const Ledger& ledger, const NewSnapshot& made) {
  auto summary = ledger.summary();
  summary.backup_start = made.started;
  return summary;
}

}  // namespace

Result<BackupResult> save_snapshot(repo::Destinations& to, repo::Writer& writer, const Ledger& ledger,
                                   const NewSnapshot& made, const SnapshotDetails& details, const Clock& clock) {
  BackupResult result;
  result.summary = summary_of(ledger, made);
  repo::SnapshotToSave what{.snapshot = describe(made, details),
                            .parents = made.parents,
                            .dry_run = made.dry_run,
                            .skip_if_unchanged = made.skip_if_unchanged};
  what.snapshot.summary = result.summary;
  TRY_ASSIGN(result.repositories, repo::save_snapshots(to, writer, what, clock));
  result.summary.backup_end = clock.now();
  const auto& first = repo::first_saved(result.repositories);
  result.snapshot = first.snapshot;
  result.parent = first.parent;
  result.stored = first.stored;
  repo::add_counters(first.stored, result.summary);
  result.problems = ledger.problems();
  result.problem_count = ledger.problem_count();
  return result;
}

}  // namespace varve::files
