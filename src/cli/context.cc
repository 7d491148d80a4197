#include "cli/context.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/parse.h"
#include "cli/cache_base.h"
#include "cli/command.h"
#include "cli/duration_option.h"
#include "files/paths.h"
#include "job/layout.h"
#include "repo/config.h"
#include "repo/snapshot_files.h"
#include "storage/cached.h"
#include "storage/open.h"

namespace varve::cli {

std::string program_version() {
  return "varve " VARVE_VERSION;
}

namespace {

std::string in_one_line(const Error& error) {
  return fmt::format("{}; {}", error.message(), fmt::join(error.hints(), "; "));
}

/// Says so if nobody has let go of it and it cannot be removed in the end.
class ToldLock final : public repo::Lock {
 public:
  ToldLock(std::unique_ptr<repo::Lock> lock, Output& output) : lock_(std::move(lock)), output_(output) {}
  ~ToldLock() override {
    if (asked_) return;
    const auto released = lock_->release();
    if (released || released.error().kind() == ErrorKind::kNotFound) return;  // somebody took it away: that was said
    output_.late_warning(in_one_line(released.error()));
  }
  Status settled() override { return lock_->settled(); }
  Cancel cancel() const override { return lock_->cancel(); }
  Status release() override {
    asked_ = true;
    return lock_->release();
  }

 private:
  const std::unique_ptr<repo::Lock> lock_;
  Output& output_;
  bool asked_ = false;
};

}  // namespace

int OpenRepository::release(Output& output, int code) const {
  const auto released = lock ? lock->release() : Status();
  if (released) return code;
  output.warning(in_one_line(released.error()));
  return code == kOk ? kIncomplete : code;
}

Result<std::string> Context::repository_location() const {
  if (!global.repo.empty() && !global.repository_file.empty()) {
    return fail(ErrorKind::kInvalidInput, "-r and --repository-file name one repository twice");
  }
  if (!global.repo.empty()) return global.repo;
  if (!global.repository_file.empty()) return file_content(global.repository_file);
  if (const auto location = variable("REPOSITORY")) return *location;
  if (const auto file = variable("REPOSITORY_FILE")) return file_content(*file);
  return fail(Error(ErrorKind::kInvalidInput, "no repository was named")
                  .hint("-r PLACE, or RESTIC_REPOSITORY in the environment, says where it is"));
}

Result<std::shared_ptr<storage::Storage>> Context::storage_at(const std::string& location, const std::string& prefix) {
  TRY_ASSIGN(const auto options, storage_options(global.storage, prefix, output_));
  TRY_ASSIGN(auto storage, storage::open_storage(location, options));
  return std::shared_ptr<storage::Storage>(std::move(storage));
}

Result<std::string> Context::new_password(const std::string& prompt) const {
  return repository_password({.file = global.password_file,
                              .command = global.password_command,
                              .prefix = "",
                              .none = global.no_password,
                              .is_new = true},
                             prompt);
}

Result<Place> Context::place() const {
  Place place;
  TRY_ASSIGN(place.location, repository_location());
  place.password = {.file = global.password_file,
                    .command = global.password_command,
                    .prefix = "",
                    .none = global.no_password,
                    .stdin_is_data = stdin_is_data};
  place.key_hint = !global.key_hint.empty() ? global.key_hint : variable("KEY_HINT").value_or("");
  return place;
}

Result<OpenRepository> Context::open(Access access) {
  TRY_ASSIGN(const auto main, place());
  return open(main, access, cancel_);
}

Result<OpenRepository> Context::open_early(Access access, const Meanwhile& meanwhile) {
  TRY_ASSIGN(const auto main, place());
  return begin(main, access, cancel_, meanwhile);
}

Result<OpenRepository> Context::open(const Place& place, Access access, const Cancel& parent) {
  TRY_ASSIGN(auto open, begin(place, access, parent, {}));
  TRY(open.settle());
  return open;
}

Result<OpenRepository> Context::begin(const Place& place, Access access, const Cancel& parent,
                                      const Meanwhile& meanwhile) {
  TRY_ASSIGN(const auto shared, storage_at(place.location, place.password.prefix));
  // Asked for only where there is something to open.
  TRY_ASSIGN(auto config, repo::load_sealed_config(*shared, parent));
  if (meanwhile) meanwhile(shared);
  TRY_ASSIGN(const auto secret, repository_password(place.password, place.prompt));
  OpenRepository open;
  const auto near = std::make_shared<storage::CachedStorage>(shared);
  TRY_ASSIGN(open.repository, repo::Repository::open(near, secret, parent, place.key_hint, std::move(config)));
  keep_near(*near, place.location, open.repository->config().id, access);
  open.cancel = parent;
  if (access != Access::kNoLock && (access != Access::kRead || !global.no_lock)) {
    const auto mode = access == Access::kExclusive ? repo::LockMode::kExclusive : repo::LockMode::kShared;
    TRY_ASSIGN(const auto patience, duration_option("--retry-lock", global.retry_lock));
    // Who would wait for others waits here too, so as to try again.
    TRY_ASSIGN(auto lock, patience.count() == 0 ? repo::Lock::begin(*open.repository, mode, parent)
                                                : repo::Lock::acquire_within(patience, *open.repository, mode, parent));
    open.lock = std::make_unique<ToldLock>(std::move(lock), output_);
    open.cancel = open.lock->cancel();
  }
  return open;
}

/// A command does without what cannot be kept.
void Context::keep_near(storage::CachedStorage& storage, const std::string& location, const Id& repository,
                        Access access) {
  const auto base = cache_base(global.storage);
  if (global.storage.clean_cache && base) {
    if (const auto cleaned = clean_cache(*base, kCacheAge); !cleaned) output_.warning(cleaned.error().message());
  }
  const bool reads_or_adds = access == Access::kRead || access == Access::kAppend;
  if (!reads_or_adds && !always_cached) return;
  if (global.storage.no_cache || storage::is_local(location)) return;
  auto folder = base ? storage::CacheFolder::open(*base, repository) : fail(base.error());
  if (!folder) return output_.note("nothing of the repository is kept on this machine: " + folder.error().message());
  (*folder)->drop_unused(kCacheAge);
  storage.use(std::move(*folder));
}

void add_source_options(Command& command, SourceOptions& options) {
  command.add_option("--from-repo", options.repo, "where the other repository is (or RESTIC_FROM_REPOSITORY)")
      ->type_name("PLACE");
  command.add_option("--from-repository-file", options.repository_file, "read its place from FILE")->type_name("FILE");
  command
      .add_option("--from-password-file", options.password_file,
                  "read its password from FILE (or RESTIC_FROM_PASSWORD_FILE)")
      ->type_name("FILE");
  command.add_option("--from-password-command", options.password_command, "a command that prints its password")
      ->type_name("COMMAND");
  command.add_option("--from-key-hint", options.key_hint, "the ID of its key to try first (or RESTIC_FROM_KEY_HINT)")
      ->type_name("ID");
  command.add_flag("--from-insecure-no-password", options.no_password, "it has no password");
}

Result<Place> source_place(const SourceOptions& options) {
  Place place;
  place.password = {.file = options.password_file,
                    .command = options.password_command,
                    .prefix = "FROM_",
                    .none = options.no_password};
  place.key_hint = !options.key_hint.empty() ? options.key_hint : variable("FROM_KEY_HINT").value_or("");
  place.prompt = "password of the other repository";
  if (!options.repo.empty() && !options.repository_file.empty()) {
    return fail(ErrorKind::kInvalidInput, "--from-repo and --from-repository-file name one repository twice");
  }
  if (!options.repo.empty()) {
    place.location = options.repo;
  } else if (!options.repository_file.empty()) {
    TRY_ASSIGN(place.location, file_content(options.repository_file));
  } else if (const auto location = variable("FROM_REPOSITORY")) {
    place.location = *location;
  } else if (const auto file = variable("FROM_REPOSITORY_FILE")) {
    TRY_ASSIGN(place.location, file_content(*file));
  } else {
    return fail(Error(ErrorKind::kInvalidInput, "the other repository was not named")
                    .hint("--from-repo PLACE, or RESTIC_FROM_REPOSITORY in the environment, says where it is"));
  }
  return place;
}

void add_filter_options(Command& command, FilterOptions& options) {
  command
      .add_option("--ns-include", options.includes,
                  "take only namespaces that match PATTERN (db.collection, * any run)")
      ->type_name("PATTERN");
  command.add_option("--ns-exclude", options.excludes, "leave out namespaces that match PATTERN")->type_name("PATTERN");
}

void add_rename_options(Command& command, RenameOptions& options) {
  command.add_option("--ns-from", options.from, "namespaces that match PATTERN have another name there; see --ns-to")
      ->type_name("PATTERN");
  command
      .add_option("--ns-to", options.to,
                  "the name of those of the --ns-from at the same place; stars and $NAME$ take their runs along")
      ->type_name("PATTERN");
}

void add_uri_secrets(Command& command, UriOptions& options) {
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

Result<uint64_t> size_option(const std::string& option, const std::string& text) {
  if (const auto size = parse_size(text)) return *size;
  return fail(Error(ErrorKind::kInvalidInput, option + " cannot be \"" + text + "\"").hint("such as 500K, 20M or 10G"));
}

Result<repo::SnapshotFilter> SelectionOptions::filter(const std::vector<std::string>& names) const {
  repo::SnapshotFilter filter{hosts, paths, {}};
  for (const auto& list : tags) filter.tag_lists.push_back(repo::split_tags(list));
  const bool latest = std::ranges::any_of(
      names, [](const auto& name) { return repo::is_latest(repo::split_snapshot_path(name).snapshot); });
  if (hosts.empty() && (names.empty() || latest)) {
    if (const auto host = variable("HOST")) filter.hosts = {*host};
  }
  if (filter.hosts == std::vector<std::string>{""}) filter.hosts.clear();
  if (latest && !paths.empty()) {  // as restic; where all are gone through, paths are taken by the letter
    TRY_ASSIGN(const auto folder, files::working_folder_path());
    for (auto& path : filter.paths) path = files::absolute_path(path, folder);
  }
  return filter;
}

void add_selection_options(Command& command, SelectionOptions& options, bool short_host) {
  command
      .add_option(short_host ? "-H,--host" : "--host", options.hosts,
                  "only snapshots of HOST (or RESTIC_HOST); '' for any")
      ->type_name("HOST");
  command.add_option("--path", options.paths, "only snapshots that hold PATH")->type_name("PATH");
  command.add_option("--tag", options.tags, "only snapshots with all of these TAGS (a,b)")->type_name("TAGS");
}

void add_snapshot_options(Command& command, SnapshotOptions& options, bool required) {
  auto* name = command.add_option("snapshot", options.name, "an id, the beginning of one, or latest");
  name->type_name("SNAPSHOT");
  if (required) name->required();
  command.add_option("--source", options.source, "with latest: the newest of this source")->type_name("NAME");
  add_selection_options(command, options.selection);
}

namespace {

Result<repo::SnapshotFilter> filter_of(const SnapshotOptions& options) {
  auto selection = options.selection;
  if (!options.source.empty()) selection.hosts.push_back(options.source);
  return selection.filter({options.name});
}

}  // namespace

Result<repo::Snapshot> find_snapshot(const OpenRepository& repository, const SnapshotOptions& options) {
  TRY_ASSIGN(const auto filter, filter_of(options));
  TRY_ASSIGN(auto snapshot, repository->find_snapshot(options.name, filter, repository.cancel));
  TRY(repository->load_index(repository.cancel));
  return snapshot;
}

Result<repo::SnapshotTree> find_snapshot_tree(const OpenRepository& repository, const SnapshotOptions& options) {
  TRY_ASSIGN(const auto filter, filter_of(options));
  return repo::find_snapshot_tree(*repository, options.name, filter, repository.cancel);
}

}  // namespace varve::cli
