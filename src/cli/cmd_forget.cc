#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/parse.h"
#include "cli/format.h"
#include "cli/keep_seconds.h"
#include "cli/prune_words.h"
#include "cli/snapshot_json.h"
#include "maintenance/forget.h"
#include "repo/select_snapshots.h"

namespace varve::cli {

namespace {

using maintenance::ForgetGroup;
using maintenance::Policy;

/// --keep-N and --keep-within-N.
struct CountOption {
  const char* names;
  int Policy::*count;
  const char* what;
};
constexpr CountOption kCounts[] = {
    {"-l,--keep-last", &Policy::last, "keep the last N snapshots (or unlimited)"},
    {"-H,--keep-hourly", &Policy::hourly, "keep the last of each of N hours"},
    {"-d,--keep-daily", &Policy::daily, "keep the last of each of N days"},
    {"-w,--keep-weekly", &Policy::weekly, "keep the last of each of N weeks"},
    {"-m,--keep-monthly", &Policy::monthly, "keep the last of each of N months"},
    {"-y,--keep-yearly", &Policy::yearly, "keep the last of each of N years"},
};
struct WithinOption {
  const char* name;
  maintenance::Duration Policy::*within;
  const char* what;
};
constexpr WithinOption kWithins[] = {
    {"--keep-within", &Policy::within, "keep what is less than DURATION (1y5m7d2h) older than the newest"},
    {"--keep-within-hourly", &Policy::within_hourly, "of that, keep the last of each hour"},
    {"--keep-within-daily", &Policy::within_daily, "keep the last of each day"},
    {"--keep-within-weekly", &Policy::within_weekly, "keep the last of each week"},
    {"--keep-within-monthly", &Policy::within_monthly, "keep the last of each month"},
    {"--keep-within-yearly", &Policy::within_yearly, "keep the last of each year"},
};

struct Words {
  std::vector<std::string> snapshots;
  std::array<std::string, std::size(kCounts)> counts;
  std::array<std::string, std::size(kWithins)> withins;
  std::vector<std::string> keep_tags;
  std::string keep_pitr;
  SelectionOptions selection;
  std::string group_by = "host,paths";
  PruneWords prune_words;
  bool remove_all = false, compact = false, dry_run = false, prune = false;
};

Result<int> parse_count(const std::string& names, const std::string& text) {
  if (text == "unlimited" || text == "-1") return Policy::kUnlimited;
  if (const auto count = parse_number<int>(text); count && *count >= 0) return *count;
  const std::string name = names.substr(names.find(',') + 1);
  return fail(Error(ErrorKind::kInvalidInput, name + " cannot be \"" + text + "\"").hint("a number, or unlimited"));
}

Result<Policy> policy_from(const Words& words) {
  Policy policy;
  for (size_t i = 0; i < std::size(kCounts); ++i) {
    if (words.counts[i].empty()) continue;
    TRY_ASSIGN(policy.*kCounts[i].count, parse_count(kCounts[i].names, words.counts[i]));
  }
  for (size_t i = 0; i < std::size(kWithins); ++i) {
    TRY_ASSIGN(policy.*kWithins[i].within, maintenance::parse_duration(words.withins[i]));
  }
  TRY_ASSIGN(policy.every_second, maintenance::parse_duration(words.keep_pitr));
  for (const auto& list : words.keep_tags) policy.tags.push_back(repo::split_tags(list));
  return policy;
}

using Json = nlohmann::ordered_json;

/// null where there is nothing, as restic prints it.
Json list_json(const std::vector<std::string>& list) {
  return list.empty() ? Json(nullptr) : Json(list);
}

template <typename Range, typename Make>
Json array_json(const Range& range, Make&& make) {
  if (range.empty()) return nullptr;
  auto array = Json::array();
  for (const auto& element : range) array.push_back(make(element));
  return array;
}

Json group_json(const ForgetGroup& group) {
  using maintenance::Kept;
  const auto& [keep, remove] = group.decision;
  return {{"tags", list_json(group.group.tags)},
          {"host", group.group.host},
          {"paths", list_json(group.group.paths)},
          {"keep", array_json(keep, [](const Kept& kept) { return snapshot_json(kept.snapshot); })},
          {"remove", array_json(remove, snapshot_json)},
          {"reasons", array_json(keep, [](const Kept& kept) {
             return Json{{"snapshot", snapshot_json(kept.snapshot)}, {"matches", kept.reasons}};
           })}};
}

/// Oldest first, so that the newest stands next to the prompt.
void print_group(Output& output, const ForgetGroup& group, const Words& words) {
  struct Row {
    const repo::Snapshot* snapshot;
    std::string fate, why;
  };
  std::vector<Row> rows;
  for (const auto& kept : group.decision.keep) {
    rows.push_back({&kept.snapshot, "keep", fmt::format("{}", fmt::join(kept.reasons, ", "))});
  }
  for (const auto& snapshot : group.decision.remove) rows.push_back({&snapshot, "remove", ""});
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::tie(a.snapshot->time, b.snapshot->id) < std::tie(b.snapshot->time, a.snapshot->id);
  });
  output.line(maintenance::describe(group.group) + ":");
  for (const auto& [snapshot, fate, why] : rows) {
    std::string line = fmt::format("  {:<6}  {}  {}", fate, snapshot->id.short_hex(), format_utc(snapshot->time));
    if (!words.compact && group.group.host.empty()) line += "  " + snapshot->hostname;
    if (!words.compact && group.group.paths.empty()) line += fmt::format("  {}", fmt::join(snapshot->paths, ", "));
    if (!snapshot->tags.empty()) line += fmt::format("  [{}]", fmt::join(snapshot->tags, ", "));
    if (!words.compact && !why.empty()) line += "  " + why;
    output.line(line);
  }
  output.line(fmt::format("  {} kept, {} removed", group.decision.keep.size(), group.decision.remove.size()));
}

/// The snapshots to be removed: those that are named, or those that the policy does not keep.
Result<std::vector<Id>> choose(const OpenRepository& repository, const Words& words, Policy& policy, Output& output,
                               std::vector<ForgetGroup>& groups) {
  TRY_ASSIGN(const auto filter, words.selection.filter(words.snapshots));
  TRY_ASSIGN(auto selected, repo::select_snapshots(*repository, words.snapshots, filter, repository.cancel));
  std::vector<Id> ids;
  if (!words.snapshots.empty()) {
    for (const auto& snapshot : selected) ids.push_back(snapshot.id);
    return ids;
  }
  TRY_ASSIGN(const auto by, maintenance::parse_group_by(words.group_by));
  std::vector<KeptSeconds> kept;
  if (!policy.every_second.is_zero()) {
    TRY_ASSIGN(kept, find_kept_seconds(repository, policy, selected));
  }
  const maintenance::ForgetOptions options{policy, by, !filter.empty(), words.remove_all};
  TRY_ASSIGN(groups, maintenance::plan_forget(std::move(selected), options, system_clock().now()));
  TRY_ASSIGN(const auto writer, writer_options(words.prune_words.writer));
  for (const auto& source : kept) {
    TRY_ASSIGN(auto group, trim(repository, source, writer, words.dry_run, output));
    groups.push_back(std::move(group));
  }
  for (const auto& group : groups) {
    for (const auto& snapshot : group.decision.remove) ids.push_back(snapshot.id);
  }
  return ids;
}

Json named_json(const maintenance::Forgotten& result, bool dry_run, int code) {
  auto skipped = Json::array();
  for (const auto& [id, error] : result.failed) skipped.push_back({{"what", id.hex()}, {"reason", error.message()}});
  return {{"message_type", "summary"}, {"removed_snapshots", hex_of(result.removed)},
          {"dry_run", dry_run},        {"result", code == kOk ? "complete" : "incomplete"},
          {"exit_code", code},         {"skipped", skipped},
          {"snapshot_id", nullptr}};
}

Result<int> run_forget(Context& context, const Words& words) {
  TRY_ASSIGN(auto policy, policy_from(words));
  TRY_ASSIGN(auto prune_plan, prune_options(words.prune_words));
  TRY_ASSIGN(const auto repository, open_to_remove(context, words.dry_run));
  TRY(repository.settle());
  Output& output = context.output();
  std::vector<ForgetGroup> groups;
  TRY_ASSIGN(const auto ids, choose(repository, words, policy, output, groups));
  const bool by_policy = words.snapshots.empty();
  if (by_policy) output.note("the policy is to " + maintenance::describe(policy));
  for (const auto& group : groups) print_group(output, group, words);

  maintenance::Forgotten result;
  if (words.dry_run) {
    result.removed = ids;
  } else {
    TRY_ASSIGN(result, maintenance::remove_snapshots(*repository, ids, repository.cancel));
  }
  for (const auto& [id, error] : result.failed) output.problem("forget", "snapshot " + id.short_hex(), error);
  const std::string removed = words.dry_run ? "would remove " : "removed ";
  if (by_policy) {
    auto array = Json::array();
    for (const auto& group : groups) array.push_back(group_json(group));
    output.object(array);
    output.line(removed + plural(result.removed.size(), "snapshot"));
  } else {
    for (const Id& id : result.removed) output.line(removed + id.short_hex());
  }
  int code = result.failed.empty() ? kOk : kIncomplete;
  const bool prune_too = words.prune && code == kOk && !ids.empty();
  if (!prune_too) code = repository.release(output, code);
  if (!by_policy) output.object(named_json(result, words.dry_run, code));
  if (!prune_too) return code;
  prune_plan.dry_run = words.dry_run;
  if (words.dry_run) prune_plan.without = ids;
  return prune(context, repository, prune_plan);
}

}  // namespace

void add_forget(Command& app, Context& context) {
  auto* command = app.add_subcommand("forget", "remove snapshots, by name or by a policy");
  command->footer(
      "Examples:\n"
      "  varve forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --prune\n"
      "  varve forget --keep-within 1y --host shop --dry-run\n"
      "  varve forget --host shop --keep-pitr 7d --keep-monthly 12 --prune\n"
      "  varve forget 9e1d04c7");
  auto words = std::make_shared<Words>();
  command->add_option("snapshots", words->snapshots, "remove these, whatever the policy")->type_name("SNAPSHOT");
  for (size_t i = 0; i < std::size(kCounts); ++i) {
    command->add_option(kCounts[i].names, words->counts[i], kCounts[i].what)->type_name("N");
  }
  for (size_t i = 0; i < std::size(kWithins); ++i) {
    command->add_option(kWithins[i].name, words->withins[i], kWithins[i].what)->type_name("DURATION");
  }
  command
      ->add_option(
          "--keep-pitr", words->keep_pitr,
          "keep what every second of the last DURATION needs: backups, and the oplog from the first of them on")
      ->type_name("DURATION");
  command->add_option("--keep-tag", words->keep_tags, "keep what has all of these TAGS (a,b); '' for what has none")
      ->type_name("TAGS");
  add_selection_options(*command, words->selection, false);
  command
      ->add_option("-g,--group-by", words->group_by, "apply the policy to each group by host, paths, tags; '' to all")
      ->type_name("GROUP")
      ->capture_default_str();
  command->add_flag("--unsafe-allow-remove-all", words->remove_all,
                    "without a policy, remove all that --host, --path and --tag select");
  command->add_flag("-c,--compact", words->compact, "a line without reasons for each snapshot");
  command->add_flag("-n,--dry-run", words->dry_run, "remove nothing, tell what would be removed");
  command->add_flag("--prune", words->prune, "then remove the data that no snapshot needs any more");
  add_prune_options(*command, words->prune_words);
  command->callback([&context, words] { context.run = [&context, words] { return run_forget(context, *words); }; });
}

}  // namespace varve::cli
