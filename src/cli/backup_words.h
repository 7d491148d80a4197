#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/output.h"
#include "files/backup.h"

namespace varve::cli {

class Context;
class BackupPlaces;

// What the kinds of backup share.

/// What a snapshot of files says about itself.
struct SnapshotWords {
  std::vector<std::string> tags;
  std::string host, time;

  Result<files::SnapshotDetails> details() const;
};
void add_snapshot_words(Command& command, SnapshotWords& words);

/// An option before the name of a subcommand belongs to the short form `backup mongodb://...`, and would be ignored
/// without a word.
Status refuse_options_before(const Command& command);

/// The result of a backup of files or of a stream, as text or JSON; lets go of the locks and gives the exit code.
int print_backup(Output& output, const BackupPlaces& places, const files::BackupResult& result, bool dry_run);
/// Adds what became of the repository to an error that says that the user stopped it.
Error explain_stop(Error error);

void add_backup_files(Command& backup, Context& context);
void add_backup_stdin(Command& backup, Context& context);

}  // namespace varve::cli
