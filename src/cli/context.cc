#include "cli/context.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "job/layout.h"
#include "storage/storage.h"

namespace varve::cli {

namespace {

/// "5m", "1h30m", "90s"; empty is no wait.
Result<std::chrono::nanoseconds> parse_wait(std::string_view text) {
  std::chrono::nanoseconds sum{};
  std::string_view rest = text;
  while (!rest.empty()) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    const std::chrono::seconds unit(rest.empty() ? 0 : rest[0] == 'h' ? 3600 : rest[0] == 'm' ? 60 : rest[0] == 's');
    if (error != std::errc{} || unit.count() == 0 || number > 1'000'000) {
      return fail(Error(ErrorKind::kInvalidInput, "\"" + std::string(text) + "\" is no time to wait for a lock")
                      .hint("such as 30s, 5m or 1h30m"));
    }
    sum += unit * number;
    rest.remove_prefix(1);
  }
  return sum;
}

}  // namespace

std::string program_version() {
  return "varve " VARVE_VERSION;
}

Result<std::string> Context::repository_location() const {
  if (!global.repo.empty()) return global.repo;
  if (!global.repository_file.empty()) return first_line(global.repository_file);
  if (const auto location = variable("REPOSITORY")) return *location;
  if (const auto file = variable("REPOSITORY_FILE")) return first_line(*file);
  return fail(Error(ErrorKind::kInvalidInput, "no repository was named")
                  .hint("-r PLACE, or RESTIC_REPOSITORY in the environment, says where it is"));
}

Result<std::string> Context::password(const std::string& prompt) const {
  return repository_password({global.password_file, global.password_command, ""}, prompt);
}

Result<OpenRepository> Context::open(Access access, bool with_index) {
  TRY_ASSIGN(const auto location, repository_location());
  TRY_ASSIGN(auto storage, storage::open_storage(location));
  std::shared_ptr<storage::Storage> shared = std::move(storage);
  // Asked for only where there is something to open.
  if (const auto config = shared->stat({}, cancel_); !config) {
    if (config.error().kind() != ErrorKind::kNotFound) return fail(config.error());
    return fail(Error(ErrorKind::kNoRepository, "there is no repository at " + shared->location())
                    .hint("`varve init` makes one"));
  }
  TRY_ASSIGN(const auto secret, password("password of the repository"));
  OpenRepository open;
  TRY_ASSIGN(open.repository, repo::Repository::open(shared, secret, cancel_));
  open.cancel = cancel_;
  if (access != Access::kNoLock && (access != Access::kRead || !global.no_lock)) {
    const auto mode = access == Access::kExclusive ? repo::LockMode::kExclusive : repo::LockMode::kShared;
    TRY_ASSIGN(const auto patience, parse_wait(global.retry_lock));
    TRY_ASSIGN(open.lock, repo::Lock::acquire_within(patience, *open.repository, mode, cancel_));
    open.cancel = open.lock->cancel();
  }
  if (with_index) TRY(open.repository->load_index(open.cancel));
  return open;
}

void add_filter_options(CLI::App& command, FilterOptions& options) {
  command
      .add_option("--ns-include", options.includes,
                  "take only namespaces that match PATTERN (db.collection, * any run)")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  command.add_option("--ns-exclude", options.excludes, "leave out namespaces that match PATTERN")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
}

void add_uri_secrets(CLI::App& command, UriOptions& options) {
  command.add_option("--uri-file", options.file, "read the server's URI from FILE")->type_name("FILE");
  command
      .add_option("--mongo-password-command", options.password_command, "a command that prints the server's password")
      ->type_name("COMMAND");
}

Result<codec::Compression> parse_compression(const std::string& name) {
  if (name == "off") return codec::Compression::kOff;
  if (name == "fastest") return codec::Compression::kFastest;
  if (name == "auto") return codec::Compression::kAuto;
  if (name == "better") return codec::Compression::kBetter;
  if (name == "max") return codec::Compression::kMax;
  return fail(Error(ErrorKind::kInvalidInput, "there is no compression '" + name + "'")
                  .hint("off, fastest, auto, better and max are known"));
}

repo::SnapshotFilter SelectionOptions::filter() const {
  repo::SnapshotFilter filter{hosts, paths, {}};
  for (const auto& list : tags) filter.tag_lists.push_back(repo::split_tags(list));
  return filter;
}

void add_selection_options(CLI::App& command, SelectionOptions& options) {
  command.add_option("-H,--host", options.hosts, "only snapshots of HOST")->type_name("HOST")->allow_extra_args(false);
  command.add_option("--path", options.paths, "only snapshots that hold PATH")
      ->type_name("PATH")
      ->allow_extra_args(false);
  command.add_option("--tag", options.tags, "only snapshots with all of these TAGS (a,b)")
      ->type_name("TAGS")
      ->allow_extra_args(false);
}

void add_snapshot_options(CLI::App& command, SnapshotOptions& options) {
  command.add_option("snapshot", options.name, "an id, the beginning of one, or latest")
      ->required()
      ->type_name("SNAPSHOT");
  command.add_option("--source", options.source, "with latest: the newest of this source")->type_name("NAME");
  add_selection_options(command, options.selection);
}

namespace {

repo::SnapshotFilter filter_of(const SnapshotOptions& options) {
  auto filter = options.selection.filter();
  if (!options.source.empty()) filter.hosts.push_back(options.source);
  return filter;
}

}  // namespace

Result<repo::Snapshot> find_snapshot(const OpenRepository& repository, const SnapshotOptions& options) {
  return repository->find_snapshot(options.name, filter_of(options), repository.cancel);
}

Result<repo::SnapshotTree> find_snapshot_tree(const OpenRepository& repository, const SnapshotOptions& options) {
  return repo::find_snapshot_tree(*repository, options.name, filter_of(options), repository.cancel);
}

Result<std::vector<repo::Snapshot>> select_snapshots(const OpenRepository& repository,
                                                     const std::vector<std::string>& names,
                                                     const SelectionOptions& selection) {
  const auto filter = selection.filter();
  std::vector<repo::Snapshot> chosen;
  if (names.empty()) {
    TRY_ASSIGN(chosen, repository->snapshots(repository.cancel));
    std::erase_if(chosen, [&](const auto& snapshot) { return !repo::matches(filter, snapshot); });
    return chosen;
  }
  if (!filter.empty() && std::ranges::find(names, "latest") == names.end()) {
    return fail(ErrorKind::kInvalidInput, "snapshots are named, so --host, --path and --tag select nothing");
  }
  for (const auto& name : names) {
    TRY_ASSIGN(auto snapshot, repository->find_snapshot(name, filter, repository.cancel));
    if (std::ranges::find(chosen, snapshot.id, &repo::Snapshot::id) == chosen.end())
      chosen.push_back(std::move(snapshot));
  }
  std::ranges::sort(chosen, {}, [](const auto& snapshot) { return std::pair(snapshot.time, snapshot.id); });
  return chosen;
}

}  // namespace varve::cli
