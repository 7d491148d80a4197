#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/backup_result.h"
#include "cli/backup_words.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/local_time.h"
#include "cli/writer_options.h"
#include "job/import.h"

namespace varve::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kStandardInput = "-";

struct ImportWords {
  std::vector<std::string> folders;
  std::string archive, source, time;
  bool gzip = false;
  FilterOptions filter;
  std::vector<std::string> tags;
  WriterWords store;

  bool from_standard_input() const { return archive == kStandardInput; }
};

Status check(const ImportWords& words) {
  if (words.folders.empty() == words.archive.empty() || words.folders.size() > 1) {
    return fail(Error(ErrorKind::kInvalidInput, "what is to be imported is not clear")
                    .hint("name one folder that mongodump wrote, --archive=FILE for an archive, or --archive for one "
                          "on standard input"));
  }
  if (words.source.empty()) {
    return fail(Error(ErrorKind::kInvalidInput, "--source is missing: the name of what the dump is of")
                    .hint("a dump does not tell it; the name under which its server is backed up, or will be, lets the "
                          "two share what they store"));
  }
  TRY(check_source(words.source));
  TRY(check_tags(words.tags));
  if (words.from_standard_input() && ::isatty(STDIN_FILENO) == 1) {
    return fail(Error(ErrorKind::kInvalidInput, "an archive is nothing to be typed in")
                    .hint("send one in: mongodump --archive | varve import --source NAME --archive")
                    .hint("or name a file with --archive=FILE"));
  }
  return {};
}

/// Where mongodump puts an archive if it is given a folder.
std::string archive_file(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return path;
  const auto compressed = path + "/archive.gz";
  return fs::exists(compressed, error) ? compressed : path + "/archive";
}

struct Opened {
  std::unique_ptr<dump::DumpReader> reader;
  std::string from;  // in words
};

Result<Opened> open(const ImportWords& words, const Cancel& cancel) {
  const dump::ReadDumpOptions how{.expect_gzip = words.gzip};
  Opened opened;
  if (words.archive.empty()) {
    TRY_ASSIGN(opened.reader, dump::open_folder(words.folders.front(), how, cancel));
    std::error_code error;
    const auto path = fs::canonical(words.folders.front(), error);
    opened.from = (fs::is_directory(path, error) ? "the folder " : "the file ") + path.string();
    return opened;
  }
  const auto path = words.from_standard_input() ? "" : archive_file(words.archive);
  const auto shown = words.from_standard_input() ? "standard input" : path;
  TRY_ASSIGN(auto file, words.from_standard_input() ? Result<dump::InputFile>(dump::InputFile(::dup(STDIN_FILENO)))
                                                    : dump::InputFile::open_path(path));
  const auto size = file.size();
  auto source = dump::reading(std::make_shared<dump::InputFile>(std::move(file)), cancel);
  TRY_ASSIGN(opened.reader, dump::open_archive(std::move(source), size, shown, how));
  std::error_code error;
  opened.from = words.from_standard_input() ? "an archive on standard input"
                                            : "the archive " + fs::absolute(path, error).string();
  return opened;
}

Result<job::ImportOptions> options_from(const ImportWords& words) {
  TRY_ASSIGN(auto filter, bson::NamespaceFilter::make(words.filter.includes, words.filter.excludes));
  job::ImportOptions options{.source = words.source, .from = {}, .filter = std::move(filter), .tags = words.tags};
  TRY_ASSIGN(options.writer, writer_options(words.store));
  if (!words.time.empty()) {
    TRY_ASSIGN(options.time, parse_moment(words.time));
  }
  options.program_version = program_version();
  return options;
}

std::string state(const collection::Manifest& m) {
  if (m.consistency == "imported") return "consistency unknown";
  const auto at = "at " + format_utc(Time(std::chrono::seconds(m.t1.seconds)));
  if (m.oplog_changes == 0) return at + "  consistent";
  return fmt::format("{}  consistent with its oplog ({})", at, plural(m.oplog_changes, "operation"));
}

void print(Output& output, const job::BackupResult& result) {
  const auto& m = result.manifest;
  output.line(fmt::format("snapshot {}  {}  imported from {}  {}", result.snapshot.short_hex(), m.source,
                          m.imported_from, state(m)));
  print_details(output, result);
  if (m.consistency == "imported") {
    output.line(
        "  note: it has no oplog, so nobody knows whether its collections are of one moment; "
        "mongodump --oplog makes dumps that can tell");
  }
}

Result<int> run_import(Context& context, const ImportWords& words) {
  TRY(check(words));
  context.stdin_is_data = words.from_standard_input();
  TRY_ASSIGN(auto options, options_from(words));
  TRY_ASSIGN(auto repository, context.open(Access::kAppend));
  auto opened = open(words, repository.cancel);
  if (!opened) return fail(explain_stop(opened.error()));
  options.from = opened->from;
  const auto imported = job::import_dump(*repository, *opened->reader, options, context.output(), repository.cancel);
  if (!imported) return fail(explain_stop(imported.error()));
  const auto& result = *imported;
  print(context.output(), result);
  const int code = repository.release(context.output(), result.shortfalls.empty() ? kOk : kIncomplete);
  auto summary = begin_summary(result, code);
  summary["imported_from"] = result.manifest.imported_from;
  end_summary(result, summary);
  context.output().object(summary);
  return code;
}

}  // namespace

void add_import(Command& app, Context& context) {
  auto* command = app.add_subcommand("import", "make a snapshot of a mongodump folder or archive");
  command->footer(
      "Examples:\n"
      "  varve import /srv/dumps/2026-11-21 --source shop --time '2026-11-21 03:00:00'\n"
      "  varve import --source shop --archive=/srv/dumps/shop.archive.gz\n"
      "  mongodump --uri mongodb://db1 --oplog --archive | varve import --source shop --archive");
  auto words = std::make_shared<ImportWords>();
  command
      ->add_option("folder", words->folders,
                   "what mongodump wrote: of a server, of one database, or one collection's .bson")
      ->type_name("DIR");
  command->add_optional("--archive", words->archive, kStandardInput,
                        "an archive on standard input, or as --archive=FILE in a file");
  command->add_flag("--gzip", words->gzip, "refuse what is not compressed (whether it is, is seen without)");
  command->add_option("--source", words->source, "the name of what the dump is of")->type_name("NAME");
  add_filter_options(*command, words->filter);
  command->add_option("--tag", words->tags, "put a tag on the snapshot")->type_name("TAG");
  command->add_option("--time", words->time, "the snapshot's time, if not now: 2026-11-21 10:15:02")->type_name("TIME");
  add_writer_options(*command, words->store);
  command->callback([&context, words] { context.run = [&context, words] { return run_import(context, *words); }; });
}

}  // namespace varve::cli
