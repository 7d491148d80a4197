#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/destination.h"
#include "cli/format.h"
#include "cli/merge_words.h"
#include "cli/point_in_time.h"
#include "job/export.h"

namespace varve::cli {

namespace {

constexpr const char* kStandardOutput = "-";

struct ExportWords {
  SnapshotOptions snapshot;
  AtWords at;
  std::string out, archive;
  bool gzip = false, merged = false;
  MergeWords merge;

  bool to_standard_output() const { return archive == kStandardOutput; }
  const std::string& place() const { return archive.empty() ? out : archive; }
};

Status check(const Output& output, const ExportWords& words) {
  if (words.out.empty() == words.archive.empty()) {
    return fail(
        Error(ErrorKind::kInvalidInput, "where to is not clear")
            .hint("--out DIR for a folder, --archive=FILE for an archive, --archive for one on standard output"));
  }
  if (!words.to_standard_output()) return {};
  if (output.json()) {
    return fail(ErrorKind::kInvalidInput, "--json and an archive both want standard output: give --archive=FILE");
  }
  if (::isatty(STDOUT_FILENO) == 1) {
    return fail(Error(ErrorKind::kInvalidInput, "an archive is nothing for a terminal")
                    .hint("send the output elsewhere, or name a file with --archive=FILE"));
  }
  return {};
}

/// The writer, and what it writes to.
struct Destinations {
  std::unique_ptr<Destination> stream;  // of an archive
  std::unique_ptr<dump::DumpWriter> writer;
};

Result<Destinations> open(Output& output, const ExportWords& words, const Cancel& cancel) {
  Destinations made;
  if (words.archive.empty()) {
    TRY_ASSIGN(auto folder, dump::Directory::create(words.out));
    made.writer = dump::folder_writer(std::move(folder), words.gzip);
    return made;
  }
  TRY_ASSIGN(made.stream, open_destination(words.to_standard_output() ? "" : words.archive,
                                           storage::Replacement::Access::kOwner, output, cancel));
  made.writer = dump::archive_writer([to = made.stream.get()](ByteView bytes) { return to->write(bytes); }, words.gzip);
  return made;
}

std::string how_to_load(const ExportWords& words) {
  const std::string gzip = words.gzip ? "--gzip " : "";
  return words.archive.empty() ? fmt::format("mongorestore --oplogReplay {}{}", gzip, words.out)
                               : fmt::format("mongorestore --oplogReplay {}--archive={}", gzip, words.archive);
}

void print(Output& output, const ExportWords& words, const repo::Snapshot& snapshot, const job::ExportResult& result) {
  if (!words.to_standard_output()) {
    output.line(fmt::format("exported {} to {}: {}, {} of documents", snapshot.id.short_hex(), words.place(),
                            plural(result.files, "file"), format_size(result.bytes)));
    output.line("  load it with: " + how_to_load(words));
  }
  constexpr const char* kCredentials = "it holds users and their credentials, unencrypted: keep it safe";
  if (!result.holds_credentials) return;
  if (words.to_standard_output()) {
    output.warning(kCredentials);
  } else {
    output.line(fmt::format("  {}", kCredentials));
  }
}

Result<int> run_export(Context& context, const ExportWords& words) {
  auto& output = context.output();
  TRY(check(output, words));
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(auto merge, merge_options(words.merge));
  TRY_ASSIGN(const auto wanted, find_wanted(repository, words.snapshot, words.at, merge, output));
  const auto& snapshot = wanted.snapshot;
  TRY_ASSIGN(const auto backup, job::BackupReader::open(*repository, snapshot, repository.cancel));
  merge.later = wanted.later;
  TRY_ASSIGN(const auto source, words.merged || wanted.later ? job::as_merged(backup, merge, repository.cancel)
                                                             : job::as_read(backup, repository.cancel));
  if (!words.to_standard_output()) {
    const auto room = job::room_for(*source, words.gzip);
    TRY(check_free_space(words.place(), room.least, room.most, output));
  }
  TRY_ASSIGN(const auto to, open(output, words, repository.cancel));
  auto exported = job::export_dump(*source, *to.writer, output, repository.cancel);
  if (words.to_standard_output() && output.lost()) return kFailed;  // said in the end
  TRY_ASSIGN(const auto result, std::move(exported));
  if (to.stream) TRY(to.stream->finish());
  print(output, words, snapshot, result);
  auto skipped = nlohmann::ordered_json::array();
  for (const auto& loss : result.losses) {
    output.warning(loss);
    skipped.push_back({{"what", "snapshot"}, {"reason", loss}});
  }
  const bool complete = result.losses.empty();
  const int code = complete ? kOk : kIncomplete;
  output.object({{"message_type", "summary"},
                 {"result", complete ? "complete" : "incomplete"},
                 {"exit_code", code},
                 {"skipped", std::move(skipped)},
                 {"snapshot_id", snapshot.id.hex()},
                 {"files", result.files},
                 {"bytes", result.bytes},
                 {"holds_credentials", result.holds_credentials}});
  return code;
}

}  // namespace

void add_export(Command& app, Context& context) {
  auto* command = app.add_subcommand("export", "write a backup out as a mongodump folder or archive");
  command->footer(
      "Examples:\n"
      "  varve export latest --out /tmp/dump && mongorestore --oplogReplay /tmp/dump\n"
      "  varve export latest --archive --gzip | mongorestore --oplogReplay --archive --gzip\n"
      "  varve export latest --out /tmp/final --merged\n"
      "  varve export --source shop --at -90m --out /tmp/then");
  auto words = std::make_shared<ExportWords>();
  add_snapshot_options(*command, words->snapshot, false);
  add_at_option(*command, words->at);
  command->add_option("--out,-o", words->out, "a new or empty folder")->type_name("DIR");
  command->add_optional("--archive", words->archive, kStandardOutput,
                        "mongodump's archive on standard output, or as --archive=FILE in a file");
  command->add_flag("--gzip", words->gzip, "compressed, as by mongodump --gzip");
  command->add_flag(
      "--merged", words->merged,
      "the final documents, with what changed while the backup was read worked in, and an empty oplog; so "
      "with --at in any case");
  add_merge_options(*command, words->merge);
  command->callback([&context, words] { context.run = [&context, words] { return run_export(context, *words); }; });
}

}  // namespace varve::cli
