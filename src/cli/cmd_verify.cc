#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/merge_words.h"
#include "cli/point_in_time.h"
#include "job/verify.h"

namespace varve::cli {

namespace {

struct VerifyWords {
  SnapshotOptions snapshot;
  AtWords at;
  UriOptions against;
  FilterOptions filter;
  RenameOptions rename;
  MergeWords merge;
  unsigned readers = 0;
};

void print_ids(Output& output, const char* how, const std::vector<std::string>& ids, uint64_t count) {
  for (const auto& id : ids) output.line(fmt::format("  {}: _id {}", how, id));
  if (count > ids.size()) output.line(fmt::format("  {}: {} more", how, format_count(count - ids.size())));
}

void print(Output& output, const job::VerifyResult& result, std::chrono::nanoseconds took) {
  for (const auto& difference : result.differences) {
    output.line(difference.ns.text());
    for (const auto& what : difference.what) output.line("  " + what);
    print_ids(output, "changed", difference.changed, difference.changed_count);
    print_ids(output, "missing on the server", difference.missing, difference.missing_count);
    print_ids(output, "only on the server", difference.extra, difference.extra_count);
  }
  for (const auto& remark : result.remarks) output.line("note: " + remark);
  output.line(fmt::format("{}: {}, {}, {} compared, {}",
                          result.differences.empty() ? "the server agrees with the backup"
                                                     : fmt::format("{} of the server not as in the backup",
                                                                   plural(result.differences.size(), "namespace")),
                          plural(result.collections, "collection"), plural(result.documents, "document"),
                          format_size(result.bytes), format_duration(took)));
}

nlohmann::ordered_json summary(const job::VerifyResult& result, const repo::Snapshot& snapshot, int code) {
  auto differences = nlohmann::ordered_json::array();
  for (const auto& d : result.differences) {
    differences.push_back({{"namespace", d.ns.text()},
                           {"what", d.what},
                           {"missing", d.missing},
                           {"extra", d.extra},
                           {"changed", d.changed},
                           {"missing_count", d.missing_count},
                           {"extra_count", d.extra_count},
                           {"changed_count", d.changed_count}});
  }
  return {{"message_type", "summary"},
          {"result", code == kOk ? "complete" : "incomplete"},
          {"exit_code", code},
          {"skipped", nlohmann::ordered_json::array()},
          {"snapshot_id", snapshot.id.hex()},
          {"collections", result.collections},
          {"documents", result.documents},
          {"bytes", result.bytes},
          {"remarks", result.remarks},
          {"differences", differences}};
}

Result<int> run_verify(Context& context, const VerifyWords& words) {
  TRY_ASSIGN(auto uri, resolve_uri(words.against, "to compare with (--against)"));
  TRY_ASSIGN(auto filter, bson::NamespaceFilter::make(words.filter.includes, words.filter.excludes));
  TRY_ASSIGN(auto rename, bson::NamespaceRename::make(words.rename.from, words.rename.to));
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(auto merge, merge_options(words.merge));
  TRY_ASSIGN(const auto wanted, find_wanted(repository, words.snapshot, words.at, merge, context.output()));
  const auto& snapshot = wanted.snapshot;
  TRY_ASSIGN(const auto backup, job::BackupReader::open(*repository, snapshot, repository.cancel));
  merge.later = wanted.later;
  const job::VerifyOptions options{.against = std::move(uri),
                                   .filter = std::move(filter),
                                   .rename = std::move(rename),
                                   .readers = words.readers,
                                   .merge = merge};
  const auto started = system_clock().ticks();
  TRY_ASSIGN(const auto result, job::verify(backup, options, context.output(), repository.cancel));
  const int code = result.differences.empty() ? kOk : kIncomplete;
  print(context.output(), result, system_clock().ticks() - started);
  context.output().object(summary(result, snapshot, code));
  return code;
}

}  // namespace

void add_verify(Command& app, Context& context) {
  auto* command = app.add_subcommand("verify", "compare a server with a backup: documents, options, indexes");
  command->footer(
      "Examples:\n"
      "  varve verify latest --against mongodb://staging --ns-include 'shop.*'\n"
      "  varve verify --source shop --at 1795251206:3 --against mongodb://staging");
  auto words = std::make_shared<VerifyWords>();
  add_snapshot_options(*command, words->snapshot, false);
  add_at_option(*command, words->at);
  command->add_option("--against", words->against.given, "the server, or @FILE")->type_name("URI");
  add_uri_secrets(*command, words->against);
  add_filter_options(*command, words->filter);
  add_rename_options(*command, words->rename);
  command->add_option("--readers", words->readers, "collections compared at once")->type_name("N");
  add_merge_options(*command, words->merge);
  command->callback([&context, words] { context.run = [&context, words] { return run_verify(context, *words); }; });
}

}  // namespace varve::cli
