#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/merge_words.h"
#include "cli/point_in_time.h"
#include "job/history.h"

namespace varve::cli {

namespace {

struct HistoryWords {
  std::string source, since, until, deeds;
  FilterOptions filter;
  MergeWords memory;
};

Result<std::set<std::string>> parse_deeds(const std::string& list) {
  std::set<std::string> deeds;
  for (const auto& word : repo::split_tags(list)) {
    const auto known = std::ranges::find(job::all_deeds(), word, &job::Deed::name);
    if (known == job::all_deeds().end()) {
      std::vector<std::string> names;
      for (const auto& deed : job::all_deeds()) names.push_back(deed.name);
      return fail(Error(ErrorKind::kInvalidInput, fmt::format("--op {}: nothing is called that", word))
                      .hint(fmt::format("known are {}", fmt::join(names, ", "))));
    }
    deeds.insert(word);
  }
  return deeds;
}

/// Of the clock a second is meant as its beginning.
Result<std::optional<bson::Timestamp>> bound(const std::string& option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  TRY_ASSIGN(const auto time, parse_point_in_time(text, system_clock().now(), option));
  return std::optional(time);
}

std::string line_for(const job::HistoryEvent& event) {
  const auto when = format_utc(Time(std::chrono::seconds(event.at.seconds)));
  const auto what = event.ns.collection.empty() ? event.ns.db : event.ns.text();
  const auto before = fmt::format("{}:{}", event.before().seconds, event.before().increment);
  if (event.detail.empty() && event.count == 1) {
    return fmt::format("{}  {:<12} {}  (before: {})", when, event.deed, what, before);
  }
  const auto detail =
      event.detail.empty() ? fmt::format("{} documents within the minute", format_count(event.count)) : event.detail;
  return fmt::format("{}  {:<12} {}  {}  (before: {})", when, event.deed, what, detail, before);
}

nlohmann::ordered_json object_for(const job::HistoryEvent& event) {
  return {{"message_type", "event"},
          {"at", event.at.text()},
          {"time", format_rfc3339(Time(std::chrono::seconds(event.at.seconds)))},
          {"op", event.deed},
          {"db", event.ns.db},
          {"collection", event.ns.collection},
          {"detail", event.detail},
          {"count", event.count},
          {"before", event.before().text()}};
}

Result<int> run_history(Context& context, const HistoryWords& words) {
  job::HistoryOptions options;
  TRY_ASSIGN(options.filter, bson::NamespaceFilter::make(words.filter.includes, words.filter.excludes));
  TRY_ASSIGN(options.deeds, parse_deeds(words.deeds));
  TRY_ASSIGN(options.since, bound("--since", words.since));
  TRY_ASSIGN(options.until, bound("--until", words.until));
  TRY_ASSIGN(options.memory, merge_options(words.memory));
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(const auto archive, open_archive(repository, words.source));
  auto& output = context.output();
  uint64_t events = 0;
  const auto tell = [&](const job::HistoryEvent& event) -> Status {
    ++events;
    output.json() ? output.object(object_for(event)) : output.row(line_for(event));
    return {};
  };
  TRY_ASSIGN(const auto result, job::history(archive, options, tell, repository.cancel));
  for (const auto& remark : result.remarks) output.line("note: " + remark);
  output.line(fmt::format("{} between {} and {}; {} of {} read ({})",
                          events == 1 ? "1 event" : format_count(events) + " events", result.from.text(),
                          result.to.text(), format_count(result.slices_read), plural(result.slices, "slice"),
                          format_size(result.bytes_read)));
  const int code = result.remarks.empty() ? kOk : kIncomplete;
  output.object({{"message_type", "summary"},
                 {"result", code == kOk ? "complete" : "incomplete"},
                 {"exit_code", code},
                 {"skipped", result.remarks},
                 {"snapshot_id", archive.snapshot().id.hex()},
                 {"events", events},
                 {"from", result.from.text()},
                 {"to", result.to.text()},
                 {"slices", result.slices},
                 {"slices_read", result.slices_read},
                 {"bytes_read", result.bytes_read}});
  return code;
}

}  // namespace

void add_history(Command& app, Context& context) {
  auto* command = app.add_subcommand("history", "what happened to a source when, out of the archive of its oplog");
  command->footer(
      "Examples:\n"
      "  varve history --source shop --since -2h --op drop,rename,dropDatabase\n"
      "  varve history --source shop --ns-include shop.orders --op delete\n"
      "Documents are counted by the minute. What stands behind \"before\" is a time for --at.");
  auto words = std::make_shared<HistoryWords>();
  command->add_option("--source", words->source, "the name of the source")->required()->type_name("NAME");
  add_filter_options(*command, words->filter);
  command->add_option("--since", words->since, "from a time on, as --at of restore takes it")->type_name("TIME");
  command->add_option("--until", words->until, "up to a time")->type_name("TIME");
  command->add_option("--op", words->deeds, "only insert, update, delete, create, drop, dropDatabase, rename, ...")
      ->type_name("OP,...");
  add_merge_options(*command, words->memory);
  command->callback([&context, words] { context.run = [&context, words] { return run_history(context, *words); }; });
}

}  // namespace varve::cli
