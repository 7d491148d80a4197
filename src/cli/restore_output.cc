#include "cli/restore_output.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/format.h"

namespace varve::cli {

namespace {

uint64_t visible(const job::RestorePlan& plan) {
  return static_cast<uint64_t>(
      std::ranges::count_if(plan.items, [](const auto& item) { return item.name == bson::logical(item.name); }));
}

std::string where_it_goes_on(const job::CollectionState& begun) {
  if (begun.verified) return "restored and verified already";
  return begun.loaded ? "loaded already, to be verified" : "gets what it lacks";
}

std::string what_happens(const job::RestorePlan::Item& item) {
  if (item.begun) return "goes on: " + where_it_goes_on(*item.begun);
  if (item.fill) return "is there: compared, and gets what it lacks";
  if (item.merge) return item.entry->type == "view" ? "stays, it is the same" : "stays, documents are merged into it";
  if (!item.exists) return "created";
  return item.drop_first ? "dropped first, then created anew" : "replaced, once its successor is complete and verified";
}

std::string shown_name(const job::RestorePlan::Item& item) {
  return item.name == item.entry->ns ? item.name.text() : item.entry->ns.text() + " as " + item.name.text();
}

void print_list(Output& output, const std::string& title, const std::vector<std::string>& names) {
  if (!names.empty()) output.line(fmt::format("  {}: {}", title, fmt::join(names, ", ")));
}

}  // namespace

void print_restore_plan(Output& output, const job::RestorePlan& plan, bool whole) {
  output.line(fmt::format("will restore {}, {}, {} to {} ({})", plural(visible(plan), "collection"),
                          plural(plan.documents, "document"), format_size(plan.bytes), plan.target.host,
                          plan.target.name()));
  for (const auto& item : plan.items) {
    if (item.name != bson::logical(item.name)) continue;
    if (whole || item.exists) output.line(fmt::format("  {}: {}", shown_name(item), what_happens(item)));
  }
  for (const auto& ns : plan.left_alone) output.line(fmt::format("  {}: is not in the backup and stays", ns.text()));
  print_list(output, "users who would be added", plan.auth.users_added);
  print_list(output, "users who would be replaced", plan.auth.users_replaced);
  print_list(output, "users who are there and stay as they are", plan.auth.users_kept);
  print_list(output, "roles that would be added", plan.auth.roles_added);
  print_list(output, "roles that would be replaced", plan.auth.roles_replaced);
  print_list(output, "roles that are there and stay as they are", plan.auth.roles_kept);
}

void print_restored(Output& output, const job::RestoreResult& result, bool verified, std::chrono::nanoseconds took) {
  output.line(fmt::format(
      "restored {}, {}, {}, {}, {}", plural(result.collections, "collection"), plural(result.documents, "document"),
      plural(result.indexes, "index"),
      verified && result.shortfalls.empty() ? "verified against the backup's digests" : format_size(result.bytes),
      format_duration(took)));
  if (result.kept > 0) {
    output.line(fmt::format("  {} with an _id of the backup's were there", plural(result.kept, "document")));
  }
  print_list(output, "users added", result.auth.users_added);
  print_list(output, "users replaced", result.auth.users_replaced);
  print_list(output, "users kept as they were", result.auth.users_kept);
  print_list(output, "roles added", result.auth.roles_added);
  print_list(output, "roles replaced", result.auth.roles_replaced);
  print_list(output, "roles kept as they were", result.auth.roles_kept);
  for (const auto& ns : result.plan.left_alone)
    output.line(fmt::format("  {} is not in the backup and stayed", ns.text()));
  if (!result.ttl_commands.empty()) output.line("  documents do not expire; these commands, in the shell, turn it on:");
  for (const auto& command : result.ttl_commands) output.line("    " + command);
}

nlohmann::ordered_json restore_summary(const job::RestoreResult& result, const repo::Snapshot& snapshot, bool verified,
                                       int code) {
  auto skipped = nlohmann::ordered_json::array();
  for (const auto& shortfall : result.shortfalls) skipped.push_back({{"what", "restore"}, {"reason", shortfall}});
  auto items = nlohmann::ordered_json::array();
  for (const auto& item : result.plan.items) {
    items.push_back(
        {{"namespace", item.entry->ns.text()}, {"target", item.name.text()}, {"action", what_happens(item)}});
  }
  return {{"message_type", "summary"},
          {"result", code == kOk ? "complete" : "incomplete"},
          {"exit_code", code},
          {"skipped", skipped},
          {"snapshot_id", snapshot.id.hex()},
          {"moment", result.moment->time().text()},
          {"dry_run", !result.written},
          {"resumed", result.plan.resumed},
          {"plan", items},
          {"target", result.plan.target.host},
          {"collections", result.written ? result.collections : visible(result.plan)},
          {"documents", result.written ? result.documents : result.plan.documents},
          {"bytes", result.written ? result.bytes : result.plan.bytes},
          {"indexes", result.indexes},
          {"documents_kept", result.kept},
          {"ttl_commands", result.ttl_commands},
          {"verified", verified},
          {"remarks", result.remarks},
          {"users_added", result.written ? result.auth.users_added : result.plan.auth.users_added},
          {"users_replaced", result.written ? result.auth.users_replaced : result.plan.auth.users_replaced},
          {"users_kept", result.written ? result.auth.users_kept : result.plan.auth.users_kept},
          {"roles_added", result.written ? result.auth.roles_added : result.plan.auth.roles_added},
          {"roles_replaced", result.written ? result.auth.roles_replaced : result.plan.auth.roles_replaced},
          {"roles_kept", result.written ? result.auth.roles_kept : result.plan.auth.roles_kept}};
}

}  // namespace varve::cli
