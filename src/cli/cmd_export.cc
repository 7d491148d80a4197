#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/merge_words.h"
#include "job/export.h"

namespace varve::cli {

namespace {

struct ExportOptions {
  SnapshotOptions snapshot;
  std::string out;
  bool merged = false;
  MergeWords merge;
};

Result<int> run_export(Context& context, const ExportOptions& options) {
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(const auto snapshot, find_snapshot(repository, options.snapshot));
  TRY_ASSIGN(const auto backup, job::BackupReader::open(*repository, snapshot, repository.cancel));
  TRY_ASSIGN(const auto merge, merge_options(options.merge));
  auto& output = context.output();
  TRY_ASSIGN(const auto result, options.merged
                                    ? job::export_merged(backup, options.out, merge, output, repository.cancel)
                                    : job::export_dump(backup, options.out, output, repository.cancel));
  output.line(fmt::format("exported {} to {}: {}, {}", snapshot.id.short_hex(), options.out,
                          plural(result.files, "file"), format_size(result.bytes)));
  output.line(fmt::format("  load it with: mongorestore --oplogReplay {}", options.out));
  if (result.holds_credentials) output.line("  it holds users and their credentials, unencrypted: keep it safe");
  for (const auto& remark : result.remarks) output.warning(remark);
  for (const auto& loss : result.losses) output.warning(loss);
  auto skipped = nlohmann::ordered_json::array();
  for (const auto& loss : result.losses) skipped.push_back({{"what", "snapshot"}, {"reason", loss}});
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
  auto* command = app.add_subcommand("export", "write a backup out as a mongodump folder");
  command->footer(
      "Examples:\n"
      "  varve export latest --out /tmp/dump && mongorestore --oplogReplay /tmp/dump\n"
      "  varve export latest --out /tmp/final --merged");
  auto options = std::make_shared<ExportOptions>();
  add_snapshot_options(*command, options->snapshot);
  command->add_option("--out,-o", options->out, "a new or empty folder")->required()->type_name("DIR");
  command->add_flag("--merged", options->merged,
                    "the final documents, with what changed while the backup was read worked in, and an empty oplog");
  add_merge_options(*command, options->merge);
  command->callback(
      [&context, options] { context.run = [&context, options] { return run_export(context, *options); }; });
}

}  // namespace varve::cli
