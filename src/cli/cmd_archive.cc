#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/duration_option.h"
#include "cli/format.h"
#include "cli/writer_options.h"
#include "job/archive.h"
#include "job/restorable.h"

namespace varve::cli {

namespace {

struct ArchiveWords {
  UriOptions uri;
  std::string source;
  std::string every = "5s", member = "auto", max_lag = "60s";
  bool once = false, new_incarnation = false;
  WriterWords store;
};

void print(Output& output, const job::ArchiveResult& result) {
  if (result.slices == 0) {
    output.line(fmt::format("{}: nothing new in the oplog", result.source));
    return;
  }
  output.line(fmt::format("{}: archived {} {} of {}'s oplog ({}), up to {}", result.source,
                          format_count(result.entries), result.entries == 1 ? "entry" : "entries", result.set_name,
                          format_size(result.bytes), job::moment_text(result.to)));
}

Result<int> run_archive(Context& context, const ArchiveWords& words) {
  TRY_ASSIGN(auto uri, resolve_uri(words.uri, "whose oplog is archived"));
  TRY_ASSIGN(const auto every, duration_option("--every", words.every));
  if (every < std::chrono::seconds(1)) return fail(ErrorKind::kInvalidInput, "--every takes a second at least");
  TRY_ASSIGN(const auto max_lag, duration_option("--max-lag", words.max_lag));
  TRY_ASSIGN(auto writer, writer_options(words.store));
  TRY_ASSIGN(const auto patience, duration_option("--retry-lock", context.global.retry_lock));
  TRY_ASSIGN(const auto repository, context.open(Access::kNoLock));
  auto& output = context.output();
  const job::ArchiveOptions options{.uri = std::move(uri),
                                    .source = words.source,
                                    .member = {.member = words.member, .max_lag = max_lag},
                                    .every = every,
                                    .lock_patience = patience,
                                    .once = words.once,
                                    .new_incarnation = words.new_incarnation,
                                    .writer = writer,
                                    .program_version = program_version()};
  TRY_ASSIGN(const auto result, job::archive(*repository, options, output, repository.cancel));
  const int code = result.shortfalls.empty() ? kOk : kIncomplete;
  print(output, result);
  auto skipped = nlohmann::ordered_json::array();
  for (const auto& shortfall : result.shortfalls) {
    output.line("  incomplete: " + shortfall);
    skipped.push_back({{"what", "oplog"}, {"reason", shortfall}});
  }
  output.object({{"message_type", "summary"},
                 {"result", code == kOk ? "complete" : "incomplete"},
                 {"exit_code", code},
                 {"skipped", std::move(skipped)},
                 {"snapshot_id", nullptr},
                 {"source", result.source},
                 {"set_name", result.set_name},
                 {"slices", result.slices},
                 {"entries", result.entries},
                 {"bytes", result.bytes},
                 {"from", result.from.text()},
                 {"to", result.to.text()}});
  return code;
}

}  // namespace

void add_archive(Command& app, Context& context) {
  auto* command = app.add_subcommand("archive", "store a replica set's oplog as it grows, for recovery to any second");
  command->footer(
      "Examples:\n"
      "  varve archive @prod.uri --source shop\n"
      "  varve archive @prod.uri --source shop --once\n"
      "It runs until it is stopped, and goes on where it ended when it is started again.");
  auto words = std::make_shared<ArchiveWords>();
  command->add_option("server", words->uri.given, "URI of the replica set, or @FILE")->type_name("URI");
  add_uri_secrets(*command, words->uri);
  command->add_option("--source", words->source, "the name of the source, as for its backups (default: the set's)")
      ->type_name("NAME");
  command->add_option("--every", words->every, "how often what came is stored (default: 5s)")->type_name("D");
  command->add_flag("--once", words->once, "store what there is, and end: for cron");
  command->add_option("--member", words->member, "auto, hidden, secondary, primary or HOST[:PORT]")
      ->type_name("MEMBER");
  command->add_option("--max-lag", words->max_lag, "a secondary further behind is not read")->type_name("D");
  command->add_flag("--new-incarnation", words->new_incarnation,
                    "go on under this name although the replica set was made anew");
  add_writer_options(*command, words->store);
  command->callback([&context, words] { context.run = [&context, words] { return run_archive(context, *words); }; });
}

}  // namespace varve::cli
