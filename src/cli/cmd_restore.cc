#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/merge_words.h"
#include "cli/restore_files.h"
#include "job/restore.h"

namespace varve::cli {

namespace {

struct RestoreWords {
  SnapshotOptions snapshot;
  UriOptions to;
  FilterOptions filter;
  MergeWords merge;
  RestoreFilesWords files;
  bool drop = false, no_verify = false, dry_run = false, yes = false;
  unsigned writers = 0;
};

uint64_t visible(const job::RestorePlan& plan) {
  return static_cast<uint64_t>(std::ranges::count_if(
      plan.items, [](const auto& item) { return item.entry->ns == bson::logical(item.entry->ns); }));
}

std::string what_happens(const job::RestorePlan::Item& item) {
  if (!item.exists) return "created";
  return item.drop_first ? "dropped first, then created anew" : "replaced, once its successor is complete and verified";
}

void print_list(Output& output, const std::string& title, const std::vector<std::string>& names) {
  if (!names.empty()) output.line(fmt::format("  {}: {}", title, fmt::join(names, ", ")));
}

/// What a restore is going to do; the whole of it for --dry-run, the destructive part before a question.
void print_plan(Output& output, const job::RestorePlan& plan, bool whole) {
  output.line(fmt::format("will restore {}, {}, {} to {} (MongoDB {})", plural(visible(plan), "collection"),
                          plural(plan.documents, "document"), format_size(plan.bytes), plan.target.host,
                          plan.target.version));
  for (const auto& item : plan.items) {
    if (item.entry->ns != bson::logical(item.entry->ns)) continue;
    if (whole || item.exists) output.line(fmt::format("  {}: {}", item.entry->ns.text(), what_happens(item)));
  }
  for (const auto& ns : plan.left_alone) output.line(fmt::format("  {}: is not in the backup and stays", ns.text()));
  print_list(output, "users who would be added", plan.auth.users_added);
  print_list(output, "users who are there and stay as they are", plan.auth.users_kept);
  print_list(output, "roles that would be added", plan.auth.roles_added);
  print_list(output, "roles that are there and stay as they are", plan.auth.roles_kept);
}

bool replaces_anything(const job::RestorePlan& plan) {
  return std::ranges::any_of(plan.items, [](const auto& item) { return item.exists; });
}

/// A terminal asks before anything is replaced; a pipe and --yes don't.
bool confirm(Output& output, const job::RestorePlan& plan) {
  if (!replaces_anything(plan)) return true;
  print_plan(output, plan, false);
  if (isatty(STDIN_FILENO) == 0) return true;
  std::cerr << "go on? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

void print(Output& output, const job::RestoreResult& result, bool verified, std::chrono::nanoseconds took) {
  output.line(fmt::format(
      "restored {}, {}, {}, {}, {}", plural(result.collections, "collection"), plural(result.documents, "document"),
      plural(result.indexes, "index"),
      verified && result.shortfalls.empty() ? "verified against the backup's digests" : format_size(result.bytes),
      format_duration(took)));
  print_list(output, "users added", result.auth.users_added);
  print_list(output, "users kept as they were", result.auth.users_kept);
  print_list(output, "roles added", result.auth.roles_added);
  print_list(output, "roles kept as they were", result.auth.roles_kept);
  for (const auto& ns : result.plan.left_alone)
    output.line(fmt::format("  {} is not in the backup and stayed", ns.text()));
}

nlohmann::ordered_json summary(const job::RestoreResult& result, const repo::Snapshot& snapshot, bool verified,
                               int code) {
  auto skipped = nlohmann::ordered_json::array();
  for (const auto& shortfall : result.shortfalls) skipped.push_back({{"what", "restore"}, {"reason", shortfall}});
  auto items = nlohmann::ordered_json::array();
  for (const auto& item : result.plan.items) {
    items.push_back({{"namespace", item.entry->ns.text()}, {"action", what_happens(item)}});
  }
  return {{"message_type", "summary"},
          {"result", code == kOk ? "complete" : "incomplete"},
          {"exit_code", code},
          {"skipped", skipped},
          {"snapshot_id", snapshot.id.hex()},
          {"dry_run", !result.written},
          {"plan", items},
          {"target", result.plan.target.host},
          {"collections", result.written ? result.collections : visible(result.plan)},
          {"documents", result.written ? result.documents : result.plan.documents},
          {"bytes", result.written ? result.bytes : result.plan.bytes},
          {"indexes", result.indexes},
          {"verified", verified},
          {"remarks", result.remarks},
          {"users_added", result.written ? result.auth.users_added : result.plan.auth.users_added},
          {"users_kept", result.written ? result.auth.users_kept : result.plan.auth.users_kept},
          {"roles_added", result.written ? result.auth.roles_added : result.plan.auth.roles_added},
          {"roles_kept", result.written ? result.auth.roles_kept : result.plan.auth.roles_kept}};
}

Result<int> run_restore(Context& context, const RestoreWords& words) {
  TRY_ASSIGN(auto uri, resolve_uri(words.to, "to restore to (--to), and no folder (--target)"));
  TRY_ASSIGN(auto filter, bson::NamespaceFilter::make(words.filter.includes, words.filter.excludes));
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(const auto snapshot, find_snapshot(repository, words.snapshot));
  TRY_ASSIGN(const auto backup, job::BackupReader::open(*repository, snapshot, repository.cancel));
  TRY_ASSIGN(const auto merge, merge_options(words.merge));
  auto& output = context.output();
  job::RestoreOptions options{.to = std::move(uri),
                              .filter = std::move(filter),
                              .drop = words.drop,
                              .dry_run = words.dry_run,
                              .verify = !words.no_verify,
                              .writers = words.writers,
                              .merge = merge};
  if (!words.yes) options.confirm = [&output](const auto& plan) { return confirm(output, plan); };
  const auto started = system_clock().ticks();
  TRY_ASSIGN(const auto result, job::restore(backup, options, output, repository.cancel));
  const bool verified = result.written && options.verify;
  const int code = result.shortfalls.empty() ? kOk : kIncomplete;
  if (words.dry_run) print_plan(output, result.plan, true);
  if (result.written) print(output, result, verified, system_clock().ticks() - started);
  for (const auto& remark : result.remarks) output.line("  note: " + remark);
  for (const auto& shortfall : result.shortfalls) output.line("  incomplete: " + shortfall);
  output.object(summary(result, snapshot, verified, code));
  return code;
}

}  // namespace

void add_restore(Command& app, Context& context) {
  auto* command = app.add_subcommand("restore", "bring a backup back: collections to a server, files to a folder");
  command->footer(
      "Examples:\n"
      "  varve restore latest --to mongodb://staging\n"
      "  varve restore 9e1d04c7 --to @prod.uri --ns-include 'shop.orders' --drop\n"
      "  varve restore latest:/home/anna --target /tmp/anna");
  auto words = std::make_shared<RestoreWords>();
  add_snapshot_options(*command, words->snapshot);
  command->add_option("--to", words->to.given, "the server, or @FILE")->type_name("URI");
  add_uri_secrets(*command, words->to);
  add_filter_options(*command, words->filter);
  command->add_flag("--drop", words->drop,
                    "replace collections that exist, each once its successor is complete and verified");
  command->add_option("--writers", words->writers, "connections that insert at once")->type_name("N");
  command->add_flag("--no-verify", words->no_verify,
                    "do not read the restored documents back; unverified, so the exit code is 3");
  command->add_flag("--yes,-y", words->yes, "do not ask");
  add_merge_options(*command, words->merge);
  add_restore_files_options(*command, words->files,
                            {"--to", "--uri-file", "--mongo-password-command", "--ns-include", "--ns-exclude", "--drop",
                             "--writers", "--no-verify", "--yes", "--memory", "--spill-dir"});
  command->add_flag("--dry-run,-n", words->dry_run, "say what would be done, and do nothing");
  command->callback([&context, words] {
    context.run = [&context, words] {
      return words->files.target.empty() ? run_restore(context, *words)
                                         : restore_files(context, words->snapshot, words->files, words->dry_run);
    };
  });
}

}  // namespace varve::cli
