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
  if (made.parent) snapshot.parent = made.parent->id;
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

repo::SnapshotSummary summary_of(const Ledger& ledger, const repo::WriterStats& stored, const NewSnapshot& made,
                                 const Clock& clock) {
  auto summary = ledger.summary();
  summary.backup_start = made.started;
  summary.backup_end = clock.now();
  summary.data_blobs = stored.data_blobs_new;
  summary.tree_blobs = stored.tree_blobs_new;
  summary.data_added = stored.plain_bytes_new;
  summary.data_added_packed = stored.packed_bytes;
  return summary;
}

}  // namespace

Result<BackupResult> save_snapshot(repo::Repository& repository, repo::Writer& writer, const Ledger& ledger,
                                   const NewSnapshot& made, const SnapshotDetails& details, const Cancel& cancel,
                                   const Clock& clock) {
  TRY(writer.finish());
  BackupResult result;
  if (made.parent) result.parent = made.parent->id;
  result.stored = writer.stats();
  result.summary = summary_of(ledger, result.stored, made, clock);
  result.problems = ledger.problems();
  result.problem_count = ledger.problem_count();
  const bool unchanged = made.skip_if_unchanged && made.parent && made.parent->tree == made.tree;
  if (made.dry_run || unchanged) return result;
  auto snapshot = describe(made, details);
  snapshot.summary = result.summary;
  TRY_ASSIGN(result.snapshot, repository.save_snapshot(snapshot, cancel));
  return result;
}

}  // namespace varve::files
