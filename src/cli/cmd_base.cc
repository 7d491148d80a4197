#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/backup_result.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/merge_words.h"
#include "cli/point_in_time.h"
#include "cli/writer_options.h"
#include "job/new_base.h"

namespace varve::cli {

namespace {

struct BaseWords {
  std::string source, at;
  std::vector<std::string> tags;
  MergeWords memory;
  WriterWords store;
};

/// The newest that can be had, if none is given.
Result<bson::Timestamp> wanted_moment(const BaseWords& words, const job::Restorable& restorable) {
  if (!words.at.empty()) return parse_point_in_time(words.at, system_clock().now());
  const auto ranges = restorable.ranges();
  if (!ranges.empty()) return ranges.back().to;
  return fail(Error(ErrorKind::kNotFound, fmt::format("there is no backup of '{}' to start from", words.source))
                  .hint("the first one is read from the server: varve backup URI --source " + words.source));
}

int tell_nothing_new(Output& output, const job::ChosenMoment& chosen) {
  const auto& snapshot = chosen.base.snapshot;
  output.line(fmt::format("snapshot {} is of that moment already; nothing was made", snapshot.id.short_hex()));
  output.object({{"message_type", "summary"},
                 {"result", "complete"},
                 {"exit_code", kOk},
                 {"skipped", nlohmann::ordered_json::array()},
                 {"snapshot_id", snapshot.id.hex()},
                 {"moment", chosen.later->until.text()}});
  return kOk;
}

Result<int> run_base(Context& context, const BaseWords& words) {
  TRY(check_tags(words.tags));
  job::NewBaseOptions options{.source = words.source, .tags = words.tags};
  TRY_ASSIGN(options.memory, merge_options(words.memory));
  TRY_ASSIGN(options.writer, writer_options(words.store));
  options.program_version = program_version();
  TRY_ASSIGN(const auto repository, context.open(Access::kAppend));
  auto& output = context.output();
  TRY_ASSIGN(const auto restorable, job::find_restorable(*repository, words.source, repository.cancel));
  TRY_ASSIGN(const auto until, wanted_moment(words, restorable));
  TRY_ASSIGN(const auto chosen, job::choose_moment(restorable, words.source, until, repository.cancel));
  if (chosen.base.moment == until) return tell_nothing_new(output, chosen);
  tell_base(chosen, output);
  TRY_ASSIGN(const auto result, job::new_base(*repository, chosen, options, output, repository.cancel));
  const auto& m = result.manifest;
  output.line(fmt::format("snapshot {}  {}  as of {}, made of {}", result.snapshot.short_hex(), m.source,
                          job::moment_text(m.t1), chosen.base.snapshot.id.short_hex()));
  print_details(output, result);
  const int code = repository.release(output, result.shortfalls.empty() ? kOk : kIncomplete);
  auto summary = begin_summary(result, code);
  summary["base"] = chosen.base.snapshot.id.hex();
  end_summary(result, summary);
  output.object(summary);
  return code;
}

}  // namespace

void add_base(Command& app, Context& context) {
  auto* command =
      app.add_subcommand("base", "make a new backup of the last one and the oplog since, without the server");
  command->footer(
      "Examples:\n"
      "  varve base --source shop\n"
      "  varve base --source shop --at '2026-11-28 00:00'\n"
      "What is stored is in proportion to what changed. Restores from it read less oplog.");
  auto words = std::make_shared<BaseWords>();
  command->add_option("--source", words->source, "the name of the source")->required()->type_name("NAME");
  command->add_option("--at", words->at, "as of that time, as `restore --at` takes it (default: the newest)")
      ->type_name("TIME");
  command->add_option("--tag", words->tags, "put a tag on the snapshot")->type_name("TAG");
  add_merge_options(*command, words->memory);
  add_writer_options(*command, words->store);
  command->callback([&context, words] { context.run = [&context, words] { return run_base(context, *words); }; });
}

}  // namespace varve::cli
