#include <filesystem>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/writer_options.h"
#include "maintenance/copy.h"
#include "repo/select_snapshots.h"

namespace varve::cli {

namespace {

using Kind = maintenance::CopyOutcome::Kind;

struct CopyWords {
  std::vector<std::string> snapshots;
  SourceOptions source;
  SelectionOptions selection;
  WriterWords writer;
};

struct BothRepositories {
  OpenRepository from, to;
};

/// A place alone does not tell: two accounts may each have a container of that name.
bool are_same(repo::Repository& a, repo::Repository& b) {
  const auto here = a.storage().location(), there = b.storage().location();
  std::error_code not_paths;
  return a.config().id == b.config().id && (here == there || std::filesystem::equivalent(here, there, not_paths));
}

/// The destination's work ends with the source's lock, too.
Result<BothRepositories> open_both(Context& context, const CopyWords& words) {
  TRY_ASSIGN(const auto source, source_place(words.source));
  TRY_ASSIGN(const auto destination, context.place());
  BothRepositories both;
  TRY_ASSIGN(both.from, context.open(source, Access::kRead, context.cancel()));
  TRY_ASSIGN(both.to, context.open(destination, Access::kAppend, both.from.cancel));
  if (are_same(*both.from, *both.to)) {
    return fail(Error(ErrorKind::kInvalidInput, "source and destination are the same repository")
                    .hint("-r names the destination, --from-repo the source"));
  }
  return both;
}

void show(Output& output, const maintenance::CopyOutcome& outcome) {
  const auto source = outcome.source.short_hex();
  switch (outcome.kind) {
    case Kind::kCopied:
      output.line(fmt::format("snapshot {} saved, a copy of {}", outcome.copy.short_hex(), source));
      return output.object({{"message_type", "copied"},
                            {"source_snapshot_id", outcome.source.hex()},
                            {"snapshot_id", outcome.copy.hex()}});
    case Kind::kThere:
      output.line(fmt::format("snapshot {} is there already as {}", source, outcome.copy.short_hex()));
      return output.object({{"message_type", "unchanged"},
                            {"source_snapshot_id", outcome.source.hex()},
                            {"snapshot_id", outcome.copy.hex()}});
    case Kind::kFailed:
      output.line(fmt::format("snapshot {} was NOT copied: {}", source, outcome.why));
      return output.object(
          {{"message_type", "error"}, {"message", outcome.why}, {"source_snapshot_id", outcome.source.hex()}});
  }
}

int exit_code(const maintenance::CopyResult& result) {
  const auto failed = result.count(Kind::kFailed);
  return failed == 0 ? kOk : failed == result.outcomes.size() ? kFailed : kIncomplete;
}

/// Gives the exit code.
int finish(Output& output, const BothRepositories& both, const maintenance::CopyResult& result) {
  output.line(fmt::format("{} copied, {} there already, {} in {} new blobs stored",
                          plural(result.count(Kind::kCopied), "snapshot"), result.count(Kind::kThere),
                          format_size(result.stored.packed_bytes),
                          format_count(result.stored.data_blobs_new + result.stored.tree_blobs_new)));
  auto skipped = nlohmann::ordered_json::array();
  for (const auto& outcome : result.outcomes) {
    if (outcome.kind == Kind::kFailed) {
      skipped.push_back({{"what", "snapshot " + outcome.source.hex()}, {"reason", outcome.why}});
    }
  }
  if (!skipped.empty()) {
    output.line(plural(skipped.size(), "snapshot") +
                " could not be copied; `varve check --read-data` on the source tells what is damaged there");
  }
  const int code = both.from.release(output, both.to.release(output, exit_code(result)));
  output.object({{"message_type", "summary"},
                 {"result", code == kOk ? "complete" : "incomplete"},
                 {"exit_code", code},
                 {"skipped", skipped},
                 {"snapshot_id", nullptr},
                 {"snapshots_copied", result.count(Kind::kCopied)},
                 {"snapshots_unchanged", result.count(Kind::kThere)},
                 {"data_blobs", result.stored.data_blobs_new},
                 {"tree_blobs", result.stored.tree_blobs_new},
                 {"data_added", result.stored.plain_bytes_new},
                 {"data_added_packed", result.stored.packed_bytes}});
  return code;
}

Result<int> run_copy(Context& context, const CopyWords& words) {
  TRY_ASSIGN(const auto writer, writer_options(words.writer));
  TRY_ASSIGN(const auto both, open_both(context, words));
  const auto& cancel = both.to.cancel;
  TRY_ASSIGN(const auto filter, words.selection.filter(words.snapshots));
  TRY_ASSIGN(const auto selected, repo::select_snapshots(*both.from, words.snapshots, filter, cancel));
  TRY(both.from->load_index(cancel));
  TRY(both.to->load_index(cancel));
  auto& output = context.output();
  TRY_ASSIGN(const auto result, maintenance::copy(
                                    *both.from, *both.to, selected, {.writer = writer},
                                    [&](const auto& outcome) { show(output, outcome); }, output, cancel));
  return finish(output, both, result);
}

}  // namespace

void add_copy(Command& app, Context& context) {
  auto* command = app.add_subcommand("copy", "copy snapshots from another repository into this one");
  command->footer(
      "Examples:\n"
      "  varve -r /mnt/offsite copy --from-repo /srv/backup\n"
      "  varve -r /mnt/offsite copy --from-repo /srv/backup --from-password-file FILE latest --host shop");
  auto words = std::make_shared<CopyWords>();
  command->add_option("snapshots", words->snapshots, "ids, or latest; without any, all that are selected")
      ->type_name("SNAPSHOT");
  add_source_options(*command, words->source);
  add_selection_options(*command, words->selection);
  add_writer_options(*command, words->writer);
  command->callback([&context, words] { context.run = [&context, words] { return run_copy(context, *words); }; });
}

}  // namespace varve::cli
