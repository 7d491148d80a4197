
#include <unistd.h>

#include "cli/backup_places.h"
#include "cli/backup_words.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/writer_options.h"
#include "files/stream_backup.h"

namespace varve::cli {

namespace {

struct StdinWords {
  std::string name = "stdin";
  std::vector<std::string> rest;  // the command
  bool command = false, dry_run = false;
  WriterWords store;
  AlsoWords also;
  SnapshotWords snapshot;
};

Status check_command(const StdinWords& words) {
  if (words.command && words.rest.empty()) {
    return fail(Error(ErrorKind::kInvalidInput, "--command needs a command")
                    .hint("such as: varve backup stdin --name dump.sql --command -- mysqldump --all-databases"));
  }
  if (words.command || words.rest.empty()) return {};
  return fail(Error(ErrorKind::kInvalidInput, "what is '" + words.rest.front() + "'?")
                  .hint("with --command before it, it is run and what it writes is backed up")
                  .hint("`varve backup files PATH` backs up files and folders"));
}

Result<int> run_backup_stdin(Context& context, const StdinWords& words) {
  TRY(check_command(words));
  context.stdin_is_data = words.rest.empty();
  files::StreamOptions options{.name = words.name, .command = words.rest};
  options.input = STDIN_FILENO;
  TRY_ASSIGN(options.writer, writer_options(words.store));
  options.writer.dry_run = words.dry_run;
  TRY_ASSIGN(options.details, words.snapshot.details());
  const auto access = words.dry_run ? Access::kNoLock : Access::kAppend;
  TRY_ASSIGN(const auto places, BackupPlaces::open(context, words.also, access));
  const auto saved = files::back_up_stream(places.destinations(), options, context.output());
  if (!saved) return fail(explain_stop(saved.error()));
  return print_backup(context.output(), places, *saved, words.dry_run);
}

}  // namespace

void add_backup_stdin(Command& backup, Context& context) {
  auto* command = backup.add_subcommand("stdin", "back up what a program writes, as one file");
  command->footer(
      "Examples:\n"
      "  varve backup stdin --name dump.sql --command -- mysqldump --all-databases\n"
      "  pg_dumpall | varve backup stdin --name all.sql");
  auto words = std::make_shared<StdinWords>();
  command->add_option("command", words->rest, "with --command: the program and its arguments, after --")
      ->type_name("COMMAND");
  command->add_option("--name,--stdin-filename", words->name, "the file's name in the snapshot")->type_name("NAME");
  command->add_flag("--command,--stdin-from-command", words->command,
                    "run what follows and back its output up; if it fails, there is no snapshot");
  add_snapshot_words(*command, words->snapshot);
  add_writer_options(*command, words->store);
  add_also_options(*command, words->also);
  command->add_flag("-n,--dry-run", words->dry_run, "do everything but store nothing");
  command->callback([&context, words, command] {
    context.run = [&context, words, command]() -> Result<int> {
      TRY(refuse_options_before(*command));
      return run_backup_stdin(context, *words);
    };
  });
}

}  // namespace varve::cli
