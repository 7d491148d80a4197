#include "files/backup.h"

#include <cerrno>

#include "files/open_source.h"
#include "files/paths.h"
#include "files/save_snapshot.h"
#include "repo/host.h"

namespace varve::files {

namespace {

/// The newest snapshot, not newer than this one will be, of the same host with at least the same paths.
Result<std::optional<repo::Snapshot>> find_parent(repo::Repository& repository, const BackupOptions& options,
                                                  const std::vector<std::string>& paths, Time time,
                                                  const Cancel& cancel) {
  std::optional<repo::Snapshot> parent;
  if (options.without_parent) return parent;
  const auto& host = options.details.host;
  const repo::SnapshotFilter same{{host.empty() ? repo::this_host().hostname : host}, paths, {}};
  if (!options.parent.empty()) {
    TRY_ASSIGN(parent, repository.find_snapshot(options.parent, same, cancel));
    return parent;
  }
  TRY_ASSIGN(auto all, repository.snapshots(cancel));
  for (auto& snapshot : all) {
    if (snapshot.time <= time && repo::matches(same, snapshot)) parent = std::move(snapshot);
  }
  return parent;
}

/// Those that exist; the others are problems.
Result<std::vector<std::string>> existing(const std::vector<std::string>& paths, Ledger& ledger) {
  std::vector<std::string> found;
  for (const auto& path : paths) {
    const auto file = look_at(path);
    if (file) {
      found.push_back(path);
    } else {
      const bool missing = file.error().kind() == ErrorKind::kNotFound;
      ledger.problem(path, missing ? Error(ErrorKind::kNotFound, "it does not exist") : file.error());
    }
  }
  if (!found.empty()) return found;
  return fail(Error(ErrorKind::kNotFound, paths.empty() ? "no files or folders were named"
                                                        : "none of the files and folders to be backed up exists")
                  .hint("no snapshot was made"));
}

}  // namespace

Result<BackupResult> back_up(repo::Repository& repository, const BackupOptions& options, Reporter& reporter,
                             const Cancel& cancel, const Clock& clock) {
  NewSnapshot made{.started = clock.now()};
  TRY_ASSIGN(const auto working_folder, working_folder_path());
  repo::Writer writer(repository, options.writer, cancel);
  Ledger ledger(writer, reporter);
  TRY_ASSIGN(const auto paths, existing(options.paths, ledger));
  for (const auto& path : paths) made.paths.push_back(absolute_path(path, working_folder));

  const Time time = options.details.time.value_or(made.started);
  TRY_ASSIGN(made.parent, find_parent(repository, options, made.paths, time, cancel));
  TRY(repository.load_index(cancel));  // after the snapshots were listed: all that the parent needs is in it
  reporter.note(made.parent ? "using parent snapshot " + made.parent->id.short_hex()
                            : std::string("no parent snapshot, so every file is read"));
  const auto parent_tree = made.parent ? std::optional(made.parent->tree) : std::nullopt;
  TRY_ASSIGN(made.tree, archive(repository, writer, paths, parent_tree, options.archive, ledger, reporter, cancel));
  made.excludes = options.excludes;
  made.skip_if_unchanged = options.skip_if_unchanged;
  made.dry_run = options.writer.dry_run;
  return save_snapshot(repository, writer, ledger, made, options.details, cancel, clock);
}

}  // namespace varve::files
