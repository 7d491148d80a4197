#include <algorithm>
#include <sstream>

#include "base/parse.h"
#include "cli/backup_places.h"
#include "cli/backup_words.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/pattern_options.h"
#include "cli/text_file.h"
#include "cli/writer_options.h"
#include "files/backup.h"
#include "files/expand.h"

namespace varve::cli {

namespace {

struct FilesWords {
  std::vector<std::string> paths, lists, verbatim_lists, raw_lists;
  PatternOptions excludes;
  std::vector<std::string> folder_tags;
  std::string larger_than, parent;
  WriterWords store;
  AlsoWords also;
  SnapshotWords snapshot;
  unsigned readers = 0;
  bool caches = false, one_file_system = false, force = false, with_atime = false, ignore_inode = false,
       ignore_ctime = false, dry_run = false, no_scan = false, skip_if_unchanged = false;
};

/// The separator ends or divides; what is empty is left out.
std::vector<std::string> pieces(const std::string& text, char separator) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string piece; std::getline(in, piece, separator);) {
    if (!piece.empty()) out.push_back(std::move(piece));
  }
  return out;
}

std::string without_return(std::string line) {
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

/// One pattern a line, expanded; a file is passed over if nothing matches.
Status add_expanded(const std::string& list, Output& output, std::vector<std::string>& paths) {
  TRY_ASSIGN(const auto text, read_text(list));
  for (const auto& pattern : files::lines_in(text)) {
    TRY_ASSIGN(auto found, files::expand(pattern));
    if (found.empty()) output.warning("nothing matches '" + pattern + "' of " + list);
    std::ranges::move(found, std::back_inserter(paths));
  }
  return {};
}

Status add_raw(const std::string& list, std::vector<std::string>& paths) {
  TRY_ASSIGN(const auto text, read_text(list));
  if (!text.empty() && (text.back() != '\0' || text[0] == '\0' || text.find(std::string(2, '\0')) != text.npos)) {
    return fail(ErrorKind::kInvalidInput,
                list + " is no list of names that each end with a zero byte: one is empty or has no end");
  }
  std::ranges::move(pieces(text, '\0'), std::back_inserter(paths));
  return {};
}

Result<std::vector<std::string>> collect_paths(const FilesWords& words, Output& output) {
  std::vector<std::string> paths;
  for (const auto& list : words.lists) TRY(add_expanded(list, output, paths));
  for (const auto& list : words.verbatim_lists) {
    TRY_ASSIGN(const auto text, read_text(list));
    for (auto& line : pieces(text, '\n')) paths.push_back(without_return(std::move(line)));
  }
  for (const auto& list : words.raw_lists) TRY(add_raw(list, paths));
  paths.insert(paths.end(), words.paths.begin(), words.paths.end());
  if (!paths.empty()) return paths;
  return fail(Error(ErrorKind::kInvalidInput, "no files or folders were named")
                  .hint("varve backup files PATH..., or --files-from FILE"));
}

Result<files::SelectionRules> selection_from(const FilesWords& words) {
  files::SelectionRules rules;
  TRY_ASSIGN(rules.exclude, words.excludes.rules());
  if (words.caches) rules.folder_tags.push_back(files::FolderTag::cache());
  for (const auto& text : words.folder_tags) {
    TRY_ASSIGN(auto tag, files::FolderTag::parse(text));
    rules.folder_tags.push_back(std::move(tag));
  }
  if (!words.larger_than.empty()) {
    TRY_ASSIGN(rules.larger_than, size_option("--exclude-larger-than", words.larger_than));
  }
  rules.one_file_system = words.one_file_system;
  return rules;
}

bool is_set(const std::string& name) {
  const auto value = variable(name);
  return value &&
         (*value == "1" || *value == "t" || *value == "T" || *value == "true" || *value == "TRUE" || *value == "True");
}

Result<unsigned> readers_from(const FilesWords& words) {
  const auto text = variable("READ_CONCURRENCY");
  if (words.readers != 0 || !text) return words.readers;
  if (const auto number = parse_number<unsigned>(*text)) return *number;
  return fail(ErrorKind::kInvalidInput, "RESTIC_READ_CONCURRENCY is no number: " + *text);
}

Result<files::BackupOptions> options_from(const FilesWords& words, Context& context) {
  files::BackupOptions options;
  TRY_ASSIGN(options.paths, collect_paths(words, context.output()));
  TRY_ASSIGN(options.archive.selection, selection_from(words));
  TRY_ASSIGN(options.archive.readers, readers_from(words));
  options.archive.with_atime = words.with_atime;
  options.archive.ignore_inode = words.ignore_inode || is_set("IGNORE_INODE");
  // Where inodes cannot be trusted, the time of change cannot either.
  options.archive.ignore_ctime = words.ignore_ctime || is_set("IGNORE_CTIME") || options.archive.ignore_inode;
  options.archive.scan = !words.no_scan && !context.global.quiet;
  TRY_ASSIGN(options.writer, writer_options(words.store));
  options.writer.dry_run = words.dry_run;
  TRY_ASSIGN(options.details, words.snapshot.details());
  options.excludes = words.excludes.patterns;
  options.parent = words.parent;
  options.without_parent = words.force;
  options.skip_if_unchanged = words.skip_if_unchanged;
  return options;
}

Result<int> run_backup_files(Context& context, const FilesWords& words) {
  const auto reads_stdin = [](const auto& lists) { return std::ranges::find(lists, "-") != lists.end(); };
  context.stdin_is_data = reads_stdin(words.lists) || reads_stdin(words.verbatim_lists) || reads_stdin(words.raw_lists);
  TRY_ASSIGN(const auto options, options_from(words, context));
  const auto access = words.dry_run ? Access::kNoLock : Access::kAppend;
  TRY_ASSIGN(const auto places, BackupPlaces::open(context, words.also, access, BackupPlaces::Main::kEarly));
  auto saved = files::back_up(places.destinations(), options, context.output());
  if (!saved) return fail(explain_stop(saved.error()));
  TRY(places.settle(saved->repositories));
  return print_backup(context.output(), places, *saved, words.dry_run);
}

void add_which(Command& command, FilesWords& words) {
  command.add_option("path", words.paths, "files and folders")->type_name("PATH");
  const auto add_list = [&](const std::string& name, std::vector<std::string>& into, const std::string& help) {
    command.add_option(name, into, help)->type_name("FILE");
  };
  add_list("--files-from", words.lists, "also what the patterns in FILE match, one a line (- for standard input)");
  add_list("--files-from-verbatim", words.verbatim_lists, "also the paths in FILE, one a line");
  add_list("--files-from-raw", words.raw_lists, "also the paths in FILE, each ended by a zero byte");
  add_pattern_options(command, words.excludes, "exclude", "leave out what matches");
  command.add_option("--exclude-if-present", words.folder_tags, "leave out what is beside a file of that name")
      ->type_name("NAME[:HEADER]");
  command.add_flag("--exclude-caches", words.caches, "leave out folders that a CACHEDIR.TAG marks as caches");
  command.add_option("--exclude-larger-than", words.larger_than, "leave out larger files, such as 20M")
      ->type_name("SIZE");
  command.add_flag("-x,--one-file-system", words.one_file_system, "stay on the file systems of the given paths");
}

void add_how(Command& command, FilesWords& words) {
  command
      .add_option("--parent", words.parent,
                  "skip what is unchanged since SNAPSHOT (else the newest of this host and these paths)")
      ->type_name("SNAPSHOT");
  command.add_flag("-f,--force", words.force, "read every file, changed or not");
  command.add_flag("--ignore-inode", words.ignore_inode, "a new inode number or time of change is no change");
  command.add_flag("--ignore-ctime", words.ignore_ctime, "a new time of change (ctime) is no change");
  command.add_flag("--with-atime", words.with_atime, "keep the times of last access");
  command.add_flag("--skip-if-unchanged", words.skip_if_unchanged, "no snapshot if it would equal its parent");
  command.add_option("--read-concurrency", words.readers, "files read at once (2, or RESTIC_READ_CONCURRENCY)")
      ->type_name("N");
  command.add_flag("--no-scan", words.no_scan, "do not find out how much there is, for the progress, meanwhile");
  command.add_flag("-n,--dry-run", words.dry_run, "do everything but store nothing");
}

}  // namespace

void add_backup_files(Command& backup, Context& context) {
  auto* command = backup.add_subcommand("files", "back files and folders up, as restic's backup does");
  command->footer(
      "Examples:\n"
      "  varve backup files /etc /home --exclude '*.tmp' --exclude-caches\n"
      "  varve backup files /srv --one-file-system --tag nightly\n"
      "  varve backup files /srv --also /mnt/offsite --also-password-file FILE");
  auto words = std::make_shared<FilesWords>();
  add_which(*command, *words);
  add_snapshot_words(*command, words->snapshot);
  add_how(*command, *words);
  add_writer_options(*command, words->store);
  add_also_options(*command, words->also);
  command->callback([&context, words, command] {
    context.run = [&context, words, command]() -> Result<int> {
      TRY(refuse_options_before(*command));
      return run_backup_files(context, *words);
    };
  });
}

}  // namespace varve::cli
