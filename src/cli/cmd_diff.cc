#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/diff_moments.h"
#include "cli/format.h"
#include "files/diff.h"
#include "repo/json_object.h"

namespace varve::cli {

namespace {

struct DiffWords {
  std::string before, after;
  files::DiffOptions options;
  MomentsWords moments;
};

void print_change(Output& output, bool quiet, const std::string& marks, const std::string& path) {
  if (quiet) return;
  if (!output.json()) return output.row(fmt::format("{:<5}{}", marks, path));
  std::string line;
  repo::JsonObject change(line);
  change.string("message_type", "change");
  change.string("path", path);
  change.string("modifier", marks);
  change.close();
  output.raw(line + "\n");
}

nlohmann::ordered_json side_json(const files::DiffSide& side) {
  return {{"files", side.files},           {"dirs", side.folders},          {"others", side.others},
          {"data_blobs", side.data_blobs}, {"tree_blobs", side.tree_blobs}, {"bytes", side.bytes}};
}

void print(Output& output, const DiffWords& words, const files::DiffResult& result) {
  const auto& [added, removed] = std::tie(result.added, result.removed);
  output.line("");
  output.line(fmt::format("Files:       {:5} new, {:5} removed, {:5} changed", added.files, removed.files,
                          result.changed_files));
  output.line(fmt::format("Dirs:        {:5} new, {:5} removed", added.folders, removed.folders));
  output.line(fmt::format("Others:      {:5} new, {:5} removed", added.others, removed.others));
  output.line(fmt::format("Data Blobs:  {:5} new, {:5} removed", added.data_blobs, removed.data_blobs));
  output.line(fmt::format("Tree Blobs:  {:5} new, {:5} removed", added.tree_blobs, removed.tree_blobs));
  output.line("  Added:   " + format_size(added.bytes));
  output.line("  Removed: " + format_size(removed.bytes));
  output.object({{"message_type", "statistics"},
                 {"source_snapshot", words.before},
                 {"target_snapshot", words.after},
                 {"changed_files", result.changed_files},
                 {"added", side_json(added)},
                 {"removed", side_json(removed)}});
}

Result<int> diff(Context& context, const DiffWords& words) {
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(const auto found,
             repo::find_snapshot_trees(*repository, {words.before, words.after}, {}, repository.cancel));
  const auto& before = found[0];
  const auto& after = found[1];
  auto& output = context.output();
  const bool quiet = context.global.quiet;
  if (!quiet) {
    output.line(
        fmt::format("comparing snapshot {} to {}:", before.snapshot.id.short_hex(), after.snapshot.id.short_hex()));
    output.line("");
  }
  const files::DiffListener listener{
      [&](const std::string& marks, const std::string& path) { print_change(output, quiet, marks, path); },
      [&](const std::string& path, const Error& error) { output.problem("diff", path, error); }};
  TRY_ASSIGN(const auto result,
             files::diff(*repository, before.tree, after.tree, words.options, listener, repository.cancel));
  print(output, words, result);
  return result.errors == 0 ? kOk : kFailed;
}

/// Two snapshots, or two moments of a source.
Result<int> run(Context& context, const DiffWords& words) {
  const bool names_snapshots = !words.before.empty() || !words.after.empty() || words.options.metadata;
  if (words.moments.given() && names_snapshots) {
    return fail(ErrorKind::kInvalidInput, "--at compares moments of a source: leave the snapshots and --metadata out");
  }
  if (words.moments.given()) return diff_moments(context, words.moments);
  if (words.after.empty()) {
    return fail(Error(ErrorKind::kInvalidInput, "what to compare is not clear")
                    .hint("two snapshots, such as 5845b002 latest")
                    .hint("or two moments of a source: --source NAME --at TIME --at TIME"));
  }
  return diff(context, words);
}

}  // namespace

void add_diff(Command& app, Context& context) {
  auto* command = app.add_subcommand("diff", "what changed from one snapshot, or one moment of a source, to another");
  command->footer(
      "Examples:\n"
      "  varve diff 5845b002 latest\n"
      "  varve diff --source shop --at '2026-11-28 10:00' --at '2026-11-28 10:05' --ns-include shop.orders\n"
      "+ added, - removed, M content, U metadata, T type, ? content although nothing else tells of a change");
  auto words = std::make_shared<DiffWords>();
  command->add_option("before", words->before, "a snapshot, or SNAPSHOT:FOLDER")->type_name("SNAPSHOT");
  command->add_option("after", words->after, "the other one")->type_name("SNAPSHOT");
  command->add_flag("--metadata", words->options.metadata, "changes of metadata alone too");
  add_moments_options(*command, words->moments);
  command->callback([&context, words] { context.run = [&context, words] { return run(context, *words); }; });
}

}  // namespace varve::cli
