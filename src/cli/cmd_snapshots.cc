#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/context.h"
#include "cli/format.h"
#include "cli/snapshot_json.h"

namespace varve::cli {

namespace {

struct SnapshotsOptions {
  std::vector<std::string> sources;
  SelectionOptions selection;
};

std::string joined(const std::vector<std::string>& list) {
  return fmt::format("{}", fmt::join(list, ", "));
}

std::string size_of(const repo::Snapshot& snapshot) {
  return snapshot.summary ? format_size(snapshot.summary->total_bytes_processed) : "";
}

void print_table(Output& output, const std::vector<repo::Snapshot>& snapshots) {
  size_t path_width = 4;
  for (const auto& snapshot : snapshots) path_width = std::max(path_width, joined(snapshot.paths).size());
  output.line(fmt::format("{:<8}  {:<23}  {:<{}}  {:>10}  {}", "ID", "Time", "Path", path_width, "Size", "Tags"));
  for (const auto& snapshot : snapshots) {
    output.line(fmt::format("{:<8}  {:<23}  {:<{}}  {:>10}  {}", snapshot.id.short_hex(), format_utc(snapshot.time),
                            joined(snapshot.paths), path_width, size_of(snapshot), joined(snapshot.tags)));
  }
  output.line(plural(snapshots.size(), "snapshot"));
}

Result<int> list(Context& context, const SnapshotsOptions& options) {
  TRY_ASSIGN(const auto repository, context.open(Access::kRead, false));
  TRY_ASSIGN(auto snapshots, repository->snapshots(repository.cancel));
  auto filter = options.selection.filter();
  filter.hosts.insert(filter.hosts.end(), options.sources.begin(), options.sources.end());
  std::erase_if(snapshots, [&](const auto& snapshot) { return !repo::matches(filter, snapshot); });
  auto array = nlohmann::ordered_json::array();
  for (const auto& snapshot : snapshots) array.push_back(snapshot_json(snapshot));
  context.output().object(array);
  print_table(context.output(), snapshots);
  return kOk;
}

}  // namespace

void add_snapshots(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("snapshots", "list what the repository holds");
  command->footer("Example:\n  varve snapshots --source shop");
  auto options = std::make_shared<SnapshotsOptions>();
  command->add_option("--source", options->sources, "only of this source")->type_name("NAME")->allow_extra_args(false);
  add_selection_options(*command, options->selection);
  command->callback([&context, options] { context.run = [&context, options] { return list(context, *options); }; });
}

}  // namespace varve::cli
