#include "files/backup.h"

#include <algorithm>
#include <cerrno>

#include "files/open_source.h"
#include "files/paths.h"
#include "files/save_snapshot.h"
#include "repo/host.h"

namespace varve::files {

namespace {

using Parents = std::vector<std::optional<repo::Snapshot>>;

/// Of the same host with at least the same paths.
repo::SnapshotFilter like(const BackupOptions& options, const std::vector<std::string>& paths) {
  const auto& host = options.details.host;
  return {{host.empty() ? repo::this_host().hostname : host}, paths, {}};
}

/// The newest of them, not newer than this one will be.
Result<std::optional<repo::Snapshot>> newest(repo::Repository& repository, const repo::SnapshotFilter& same, Time time,
                                             const Cancel& cancel) {
  std::optional<repo::Snapshot> parent;
  TRY_ASSIGN(auto all, repository.snapshots(cancel));
  for (auto& snapshot : all) {
    if (snapshot.time <= time && repo::matches(same, snapshot)) parent = std::move(snapshot);
  }
  return parent;
}

/// In each repository the one that is named, or else the newest. One that is named is in one of them at least.
Result<Parents> find_parents(repo::Destinations& to, const BackupOptions& options,
                             const std::vector<std::string>& paths, Time time) {
  Parents parents(to.size());
  if (options.without_parent) return parents;
  const auto same = like(options, paths);
  std::optional<Error> unknown;
  TRY(to.each([&](size_t i) -> Status {
    if (options.parent.empty()) {
      TRY_ASSIGN(parents[i], newest(to[i], same, time, to.cancel(i)));
      return {};
    }
    auto named = to[i].find_snapshot(options.parent, same, to.cancel(i));
    if (named) parents[i] = std::move(*named);
    const bool is_unknown =
        !named && (named.error().kind() == ErrorKind::kNotFound || named.error().kind() == ErrorKind::kInvalidInput);
    if (is_unknown && !unknown) unknown = named.error();
    return named || is_unknown ? Status() : fail(named.error());
  }));
  const bool none = std::ranges::none_of(parents, [](const auto& parent) { return parent.has_value(); });
  if (none && unknown) return fail(*unknown);
  return parents;
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

Result<BackupResult> back_up(repo::Destinations& to, const BackupOptions& options, Reporter& reporter,
                             const Clock& clock) {
  NewSnapshot made{.started = clock.now()};
  TRY_ASSIGN(const auto working_folder, working_folder_path());
  repo::Writer writer(to, options.writer);
  Ledger ledger(writer, reporter);
  TRY_ASSIGN(const auto paths, existing(options.paths, ledger));
  for (const auto& path : paths) made.paths.push_back(absolute_path(path, working_folder));

  const Time time = options.details.time.value_or(made.started);
  TRY_ASSIGN(made.parents, find_parents(to, options, made.paths, time));
  // After the snapshots were listed: all that the parents need is in them.
  TRY(to.each([&](size_t i) { return to[i].load_index(to.cancel(i)); }));
  const auto parent = repo::first_tree(to, made.parents);
  reporter.note(parent ? "using parent snapshot " + made.parents[parent->of]->id.short_hex()
                       : std::string("no parent snapshot, so every file is read"));
  TRY_ASSIGN(made.tree, archive(to, writer, paths, parent, options.archive, ledger, reporter, to.outer()));
  made.excludes = options.excludes;
  made.skip_if_unchanged = options.skip_if_unchanged;
  made.dry_run = options.writer.dry_run;
  return save_snapshot(to, writer, ledger, made, options.details, clock);
}

}  // namespace varve::files
