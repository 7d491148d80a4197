#include "cli/keep_seconds.h"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>

#include "cli/format.h"
#include "job/layout.h"
#include "maintenance/calendar.h"

namespace varve::cli {

namespace {

using std::chrono::seconds;

/// The moment that lies so far before the archive's end, or before now, if a server's clock was once ahead; all of it
/// is needed where that is before any oplog.
bson::Timestamp begin_of(const maintenance::Duration& span, const job::Restorable& found) {
  repo::Snapshot at_end = found.archive->snapshot();
  at_end.time = std::min(Time(seconds(found.newest->span.last.seconds)), system_clock().now());
  const auto begin = maintenance::moment_before(at_end, span);
  const auto count = begin ? std::chrono::floor<seconds>(*begin).time_since_epoch().count() : 0;
  return {static_cast<uint32_t>(std::max<int64_t>(count, 0)), 0};
}

bool is_of_archive(const repo::Snapshot& snapshot) {
  return snapshot.paths == std::vector{job::archive_path(snapshot.hostname)};
}

}  // namespace

Result<std::vector<KeptSeconds>> find_kept_seconds(const OpenRepository& repository, maintenance::Policy& policy,
                                                   std::vector<repo::Snapshot>& selected) {
  std::set<std::string> sources;
  for (const auto& snapshot : selected) {
    if (is_of_archive(snapshot)) sources.insert(snapshot.hostname);
  }
  if (sources.empty()) {
    return fail(Error(ErrorKind::kNotFound, "--keep-pitr: there is no archive of an oplog among these snapshots")
                    .hint("`varve archive` makes one; without it there are backups, but no seconds between them"));
  }
  std::vector<KeptSeconds> all;
  for (const auto& source : sources) {
    TRY_ASSIGN(auto found, job::find_restorable(*repository, source, repository.cancel));
    if (!found.archive || !found.newest) continue;
    const auto needed = job::needed_since(found, begin_of(policy.every_second, found));
    for (const auto& base : needed.bases) {
      policy.needed[base.snapshot.id] = "needed for every second of " + to_string(policy.every_second);
    }
    for (const auto& none : found.unusable) {
      if (none.unread) policy.needed[none.snapshot.id] = "may be needed, for it cannot be read: " + none.why;
    }
    all.push_back({source, std::move(*found.archive), needed.oplog_from, {}});
    for (const auto& snapshot : selected) {
      if (is_of_archive(snapshot) && snapshot.hostname == source) all.back().of_archive.push_back(snapshot);
    }
    std::erase_if(selected, [&](const auto& s) { return is_of_archive(s) && s.hostname == source; });
  }
  return all;
}

Result<maintenance::ForgetGroup> trim(const OpenRepository& repository, const KeptSeconds& kept,
                                      const repo::WriterOptions& writer, bool dry_run, Output& output) {
  TRY_ASSIGN(auto trimmed, job::trim_archive(*repository, kept.archive,
                                             {.source = kept.source,
                                              .from = kept.oplog_from,
                                              .dry_run = dry_run,
                                              .writer = writer,
                                              .program_version = program_version()},
                                             repository.cancel));
  maintenance::ForgetGroup group;
  group.group.host = kept.source;
  group.group.paths = {job::archive_path(kept.source)};
  group.decision.keep.push_back(
      {trimmed.newest, {"holds the oplog from " + job::moment_text(kept.oplog_from) + " on"}});
  for (const auto& other : kept.of_archive) {
    const auto is_other = [&](const repo::Snapshot& snapshot) { return snapshot.id == other.id; };
    const bool known = other.id == trimmed.newest.id || std::ranges::any_of(trimmed.replaced, is_other);
    if (!known) group.decision.keep.push_back({other, {"is not the archiver's, or others follow none of it"}});
  }
  group.decision.remove = std::move(trimmed.replaced);
  if (trimmed.slices > 0) {
    output.note(fmt::format("{}: {} of oplog before {} ({}) {}", kept.source, plural(trimmed.slices, "slice"),
                            job::moment_text(kept.oplog_from), format_size(trimmed.bytes),
                            dry_run ? "would go" : "go with the next prune"));
  }
  return group;
}

}  // namespace varve::cli
