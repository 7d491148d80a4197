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
  std::string source;
  std::vector<std::string> tags;
};

bool takes(const SnapshotsOptions& options, const repo::Snapshot& snapshot) {
  if (!options.source.empty() && snapshot.hostname != options.source) return false;
  return std::ranges::all_of(options.tags, [&](const auto& tag) { return snapshot.has_tag(tag); });
}

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
  std::erase_if(snapshots, [&](const auto& snapshot) { return !takes(options, snapshot); });
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
  command->add_option("--source,-H,--host", options->source, "only of this source")->type_name("NAME");
  command->add_option("--tag", options->tags, "only with this tag")->type_name("TAG")->allow_extra_args(false);
  command->callback([&context, options] { context.run = [&context, options] { return list(context, *options); }; });
}

}  // namespace varve::cli
