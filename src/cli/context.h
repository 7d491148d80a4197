#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "bson/namespace.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/secrets.h"
#include "cli/storage_options.h"
#include "codec/zstd.h"
#include "repo/lock.h"
#include "repo/repository.h"
#include "repo/snapshot_path.h"

namespace varve::storage {
class CachedStorage;
}

namespace varve::cli {

/// The options that every command has.
struct GlobalOptions {
  std::string repo, repository_file;
  std::string password_file, password_command, key_hint;
  bool json = false, quiet = false, no_lock = false, no_password = false;
  std::string retry_lock;
  StorageWords storage;
};

/// An open repository and, unless --no-lock was given for a command that only reads, the lock on it.
struct OpenRepository {
  std::unique_ptr<repo::Repository> repository;
  std::unique_ptr<repo::Lock> lock;
  Cancel cancel;  ///< stops with the program and with the lock

  /// What was opened early is had from here on; kLocked if it is not.
  Status settle() const { return lock ? lock->settled() : Status(); }
  /// Lets go of the lock once the work is done, between what is printed of it and its summary: a lock that cannot be
  /// removed undoes nothing, so it is a warning, and the exit code, `code` otherwise, tells that something is left.
  int release(Output& output, int code) const;

  repo::Repository& operator*() const { return *repository; }
  repo::Repository* operator->() const { return repository.get(); }
};

enum class Access : uint8_t {
  kNoLock,  ///< for what works on the locks themselves
  kRead,    ///< shared lock, left out with --no-lock
  kAppend,  ///< shared lock
  kExclusive,
};

/// A repository as the user's words name it.
struct Place {
  std::string location;
  PasswordOptions password;
  std::string key_hint;  ///< the id of the key to try first, or the beginning of it
  std::string prompt = "password of the repository";
};

/// What the commands share. One command sets `run`; main calls it.
class Context {
 public:
  Context(Output& output, Cancel cancel) : output_(output), cancel_(std::move(cancel)) {}

  GlobalOptions global;
  std::function<Result<int>()> run;  ///< gives the exit code
  bool stdin_is_data = false;        ///< the command reads it: no password is looked for there
  bool always_cached = false;        ///< else who may remove sees the repository itself, never what is kept of it here

  Output& output() { return output_; }
  const Cancel& cancel() const { return cancel_; }

  Result<std::string> repository_location() const;
  /// The repository's place or, `prefix` being "FROM_" or "ALSO_", another one's, as yet unasked.
  Result<std::shared_ptr<storage::Storage>> storage_at(const std::string& location, const std::string& prefix = "");
  Result<std::string> new_password(const std::string& prompt) const;
  /// Opens and locks. The index is loaded by whoever needs it, and not before the snapshots were listed: what a backup
  /// adds in between would be missed. find_snapshot and find_snapshot_tree do it so.
  Result<OpenRepository> open(Access access);
  /// The same without the wait for others' locks (repo::Lock::begin): to read what is needed meanwhile. settle() comes
  /// before any result is printed or anything done because of it, outside of the repository too. `meanwhile` may begin
  /// on a thread of its own what needs no key, while the password is asked for and checked.
  using Meanwhile = std::function<void(std::shared_ptr<storage::Storage>)>;
  Result<OpenRepository> open_early(Access access, const Meanwhile& meanwhile = {});
  /// The same for a repository beside it, or for the main one if its work must end with that of another: `parent`.
  Result<OpenRepository> open(const Place& place, Access access, const Cancel& parent);
  /// What -r and its relatives name.
  Result<Place> place() const;

 private:
  Result<OpenRepository> begin(const Place& place, Access access, const Cancel& parent, const Meanwhile& meanwhile);
  void keep_near(storage::CachedStorage& storage, const std::string& location, const Id& repository, Access access);
  Output& output_;
  Cancel cancel_;
};

std::string program_version();  ///< "varve 0.1.0"

// Pieces of commands.
struct FilterOptions {
  std::vector<std::string> includes, excludes;
};
void add_filter_options(Command& command, FilterOptions& options);
struct RenameOptions {
  std::vector<std::string> from, to;
};
void add_rename_options(Command& command, RenameOptions& options);
void add_uri_secrets(Command& command, UriOptions& options);
Result<codec::Compression> parse_compression(const std::string& name);
/// A number of bytes, such as 20M; the error names the option.
Result<uint64_t> size_option(const std::string& option, const std::string& text);
/// --host, --path and --tag, which select snapshots as in restic.
struct SelectionOptions {
  std::vector<std::string> hosts, paths, tags;

  /// Beside `names`, the snapshots that the user named. RESTIC_HOST is the host where none is given and the filter has
  /// a say: beside ids it would be taken for a contradiction that nobody uttered. An empty host alone is any.
  Result<repo::SnapshotFilter> filter(const std::vector<std::string>& names) const;
};
/// `short_host`: -H too, where it means nothing else.
void add_selection_options(Command& command, SelectionOptions& options, bool short_host = true);
/// `S` of a command, narrowed by --source and the selection.
struct SnapshotOptions {
  std::string name, source;
  SelectionOptions selection;
};
/// `required`: it has to be named.
void add_snapshot_options(Command& command, SnapshotOptions& options, bool required = true);
/// Both load the index, after the snapshot was found.
Result<repo::Snapshot> find_snapshot(const OpenRepository& repository, const SnapshotOptions& options);
/// `S:FOLDER` too.
Result<repo::SnapshotTree> find_snapshot_tree(const OpenRepository& repository, const SnapshotOptions& options);

/// --from-repo and its relatives: the repository that another one is made like or filled from.
struct SourceOptions {
  std::string repo, repository_file, password_file, password_command, key_hint;
  bool no_password = false;
};
void add_source_options(Command& command, SourceOptions& options);
/// kInvalidInput if none is named, there or in the environment.
Result<Place> source_place(const SourceOptions& options);

// One a command; each adds itself to the program.
void add_init(Command& app, Context& context);
void add_snapshots(Command& app, Context& context);
void add_show(Command& app, Context& context);
void add_ls(Command& app, Context& context);
void add_find(Command& app, Context& context);
void add_diff(Command& app, Context& context);
void add_dump(Command& app, Context& context);
void add_check(Command& app, Context& context);
void add_unlock(Command& app, Context& context);
void add_doctor(Command& app, Context& context);
void add_backup(Command& app, Context& context);
void add_restore(Command& app, Context& context);
void add_verify(Command& app, Context& context);
void add_export(Command& app, Context& context);
void add_import(Command& app, Context& context);
void add_repair(Command& app, Context& context);
void add_repair_snapshots(Command& repair, Context& context);  ///< of `repair`
void add_generate(Command& app, Context& context);
void add_copy(Command& app, Context& context);
void add_tag(Command& app, Context& context);
void add_rewrite(Command& app, Context& context);
void add_key(Command& app, Context& context);
void add_forget(Command& app, Context& context);
void add_prune(Command& app, Context& context);
void add_stats(Command& app, Context& context);
void add_cat(Command& app, Context& context);
void add_cache(Command& app, Context& context);
void add_archive(Command& app, Context& context);
void add_window(Command& app, Context& context);
void add_base(Command& app, Context& context);
void add_history(Command& app, Context& context);

}  // namespace varve::cli
