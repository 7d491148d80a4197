#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "bson/namespace.h"
#include "cli/output.h"
#include "cli/secrets.h"
#include "codec/zstd.h"
#include "repo/lock.h"
#include "repo/repository.h"
#include "repo/snapshot_path.h"

namespace CLI {
class App;
}

namespace varve::cli {

/// The options that every command has.
struct GlobalOptions {
  std::string repo, repository_file;
  std::string password_file, password_command;
  bool json = false, quiet = false, no_lock = false;
  std::string retry_lock;
};

/// An open repository and, unless --no-lock was given for a command that only reads, the lock on it.
struct OpenRepository {
  std::unique_ptr<repo::Repository> repository;
  std::unique_ptr<repo::Lock> lock;
  Cancel cancel;  ///< stops with the program and with the lock

  repo::Repository& operator*() const { return *repository; }
  repo::Repository* operator->() const { return repository.get(); }
};

enum class Access : uint8_t {
  kNoLock,  ///< for what works on the locks themselves
  kRead,    ///< shared lock, left out with --no-lock
  kAppend,  ///< shared lock
  kExclusive,
};

/// What the commands share. One command sets `run`; main calls it.
class Context {
 public:
  Context(Output& output, Cancel cancel) : output_(output), cancel_(std::move(cancel)) {}

  GlobalOptions global;
  std::function<Result<int>()> run;  ///< gives the exit code

  Output& output() { return output_; }
  const Cancel& cancel() const { return cancel_; }

  Result<std::string> repository_location() const;
  Result<std::string> password(const std::string& prompt) const;
  /// Opens, locks and, if asked for, loads the index.
  Result<OpenRepository> open(Access access, bool with_index);

 private:
  Output& output_;
  Cancel cancel_;
};

std::string program_version();  ///< "varve 0.1.0"

// Pieces of commands.
struct FilterOptions {
  std::vector<std::string> includes, excludes;
};
void add_filter_options(CLI::App& command, FilterOptions& options);
void add_uri_secrets(CLI::App& command, UriOptions& options);
Result<codec::Compression> parse_compression(const std::string& name);
/// --host, --path and --tag, which select snapshots as in restic.
struct SelectionOptions {
  std::vector<std::string> hosts, paths, tags;

  repo::SnapshotFilter filter() const;
};
void add_selection_options(CLI::App& command, SelectionOptions& options);
/// `S` of a command, narrowed by --source and the selection.
struct SnapshotOptions {
  std::string name, source;
  SelectionOptions selection;
};
void add_snapshot_options(CLI::App& command, SnapshotOptions& options);
Result<repo::Snapshot> find_snapshot(const OpenRepository& repository, const SnapshotOptions& options);
/// `S:FOLDER` too. The index must be loaded.
Result<repo::SnapshotTree> find_snapshot_tree(const OpenRepository& repository, const SnapshotOptions& options);
/// Those named, or those that the selection takes if none is; the oldest first, each once. A selection beside names
/// only says which one is the latest.
Result<std::vector<repo::Snapshot>> select_snapshots(const OpenRepository& repository,
                                                     const std::vector<std::string>& names,
                                                     const SelectionOptions& selection);

// One a command; each adds itself to the program.
void add_init(CLI::App& app, Context& context);
void add_snapshots(CLI::App& app, Context& context);
void add_show(CLI::App& app, Context& context);
void add_ls(CLI::App& app, Context& context);
void add_find(CLI::App& app, Context& context);
void add_diff(CLI::App& app, Context& context);
void add_dump(CLI::App& app, Context& context);
void add_check(CLI::App& app, Context& context);
void add_unlock(CLI::App& app, Context& context);
void add_backup(CLI::App& app, Context& context);
void add_restore(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);

}  // namespace varve::cli
