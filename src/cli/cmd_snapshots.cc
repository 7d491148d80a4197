#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/local_time.h"
#include "cli/snapshot_json.h"
#include "maintenance/group.h"
#include "repo/select_snapshots.h"

namespace varve::cli {

namespace {

using Snapshots = std::vector<repo::Snapshot>;

struct SnapshotsWords {
  std::vector<std::string> names, sources;
  SelectionOptions selection;
  std::string group_by;
  size_t latest = 0;
  bool compact = false;
};

/// Text in columns, each as wide as its widest cell.
class Table {
 public:
  using Row = std::vector<std::string>;

  void add(Row row) {
    widths_.resize(std::max(widths_.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], row[i].size());
    rows_.push_back(std::move(row));
  }

  void print(Output& output) const {
    for (const auto& row : rows_) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{}{:<{}}", i == 0 ? "" : "  ", row[i], widths_[i]);
      line.erase(line.find_last_not_of(' ') + 1);
      output.line(line);
    }
  }

 private:
  std::vector<Row> rows_;
  std::vector<size_t> widths_;
};

void print_table(Output& output, const Snapshots& snapshots, bool compact) {
  Table table;
  table.add(compact ? Table::Row{"ID", "Time", "Host", "Tags", "Size"}
                    : Table::Row{"ID", "Time", "Host", "Tags", "Paths", "Size"});
  for (const auto& s : snapshots) {
    const auto tags = fmt::format("{}", fmt::join(s.tags, ","));
    const auto size = s.summary ? format_size(s.summary->total_bytes_processed) : "";
    Table::Row row = {s.id.short_hex(), local_time_text(s.time), s.hostname, tags};
    if (!compact) row.push_back(s.paths.empty() ? "" : s.paths.front());
    row.push_back(size);
    table.add(std::move(row));
    for (size_t i = 1; !compact && i < s.paths.size(); ++i) table.add({"", "", "", "", s.paths[i], ""});
  }
  table.print(output);
  output.line(plural(snapshots.size(), "snapshot"));
}

/// Of the same host and paths, only so many.
Snapshots latest_of_each(const Snapshots& oldest_first, size_t count) {
  std::map<std::pair<std::string, std::vector<std::string>>, size_t> seen;
  Snapshots kept;
  for (auto it = oldest_first.rbegin(); it != oldest_first.rend(); ++it) {
    auto paths = it->paths;
    std::ranges::sort(paths);
    if (seen[{it->hostname, std::move(paths)}]++ < count) kept.push_back(*it);
  }
  std::ranges::reverse(kept);
  return kept;
}

nlohmann::ordered_json array_of(const Snapshots& snapshots) {
  auto array = nlohmann::ordered_json::array();
  for (const auto& snapshot : snapshots) array.push_back(snapshot_json(snapshot));
  return array;
}

nlohmann::ordered_json key_of(const maintenance::SnapshotGroup& group, const maintenance::GroupBy& by) {
  nlohmann::ordered_json key = {{"hostname", by.host ? group.host : ""}, {"paths", nullptr}, {"tags", nullptr}};
  if (by.paths) key["paths"] = group.paths;
  if (by.tags && !group.tags.empty()) key["tags"] = group.tags;
  return key;
}

void print_groups(Output& output, Snapshots snapshots, const maintenance::GroupBy& by, const SnapshotsWords& words) {
  auto array = nlohmann::ordered_json::array();
  for (auto& group : maintenance::group_snapshots(std::move(snapshots), by)) {
    if (words.latest > 0 && group.snapshots.size() > words.latest) group.snapshots.resize(words.latest);
    std::ranges::reverse(group.snapshots);  // the oldest first
    array.push_back({{"group_key", key_of(group, by)}, {"snapshots", array_of(group.snapshots)}});
    output.line("snapshots for " + describe(group) + ":");
    print_table(output, group.snapshots, words.compact);
    output.line("");
  }
  output.object(array);
}

Result<int> list(Context& context, const SnapshotsWords& words) {
  TRY_ASSIGN(const auto by, maintenance::parse_group_by(words.group_by));
  auto selection = words.selection;
  selection.hosts.insert(selection.hosts.end(), words.sources.begin(), words.sources.end());
  TRY_ASSIGN(const auto filter, selection.filter(words.names));
  TRY_ASSIGN(const auto repository, context.open_early(Access::kRead));
  TRY_ASSIGN(auto snapshots, repo::select_snapshots(*repository, words.names, filter, repository.cancel));
  TRY(repository.settle());
  std::ranges::stable_sort(snapshots, {}, &repo::Snapshot::time);
  if (by.any()) {
    print_groups(context.output(), std::move(snapshots), by, words);
    return kOk;
  }
  if (words.latest > 0) snapshots = latest_of_each(snapshots, words.latest);
  context.output().object(array_of(snapshots));
  print_table(context.output(), snapshots, words.compact);
  return kOk;
}

}  // namespace

void add_snapshots(Command& app, Context& context) {
  auto* command = app.add_subcommand("snapshots", "list what the repository holds");
  command->footer(
      "Examples:\n"
      "  varve snapshots --source shop\n"
      "  varve snapshots --group-by host,tags --latest 3");
  auto words = std::make_shared<SnapshotsWords>();
  command->add_option("snapshot", words->names, "only these")->type_name("SNAPSHOT");
  command->add_option("--source", words->sources, "only of this source")->type_name("NAME");
  add_selection_options(*command, words->selection);
  command->add_option("--latest", words->latest, "only the last N of each host and paths, or of each group")
      ->type_name("N");
  command->add_option("-g,--group-by", words->group_by, "in groups, by host, paths or tags, or some of them")
      ->type_name("WHAT");
  command->add_flag("-c,--compact", words->compact, "a line each, without paths");
  command->callback([&context, words] { context.run = [&context, words] { return list(context, *words); }; });
}

}  // namespace varve::cli
