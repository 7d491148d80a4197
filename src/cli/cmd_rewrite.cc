#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/local_time.h"
#include "cli/pattern_options.h"
#include "maintenance/rewrite.h"
#include "repo/select_snapshots.h"

namespace varve::cli {

namespace {

using maintenance::RewriteOptions;
using maintenance::RewriteOutcome;
using Kind = RewriteOutcome::Kind;

struct RewriteWords {
  std::vector<std::string> snapshots;
  SelectionOptions selection;
  PatternOptions exclude;
  std::string new_host, new_time;
  bool forget = false, dry_run = false, summarise = false;
};

Result<RewriteOptions> options_from(const RewriteWords& words) {
  RewriteOptions options;
  options.new_host = words.new_host;
  options.forget = words.forget;
  options.dry_run = words.dry_run;
  options.summarise = words.summarise;
  if (!words.new_time.empty()) {
    TRY_ASSIGN(options.new_time, parse_moment(words.new_time));
  }
  TRY_ASSIGN(auto rules, words.exclude.rules());
  if (!rules.empty()) {
    options.is_left_out = [rules = std::move(rules)](const std::string& path) { return rules.matches(path); };
  }
  if (options.is_left_out || options.summarise || options.new_time || !options.new_host.empty()) return options;
  return fail(Error(ErrorKind::kInvalidInput, "nothing was named that should change")
                  .hint("--exclude, --new-host, --new-time and --snapshot-summary do"));
}

void show(Output& output, const RewriteOutcome& outcome, const RewriteOptions& options) {
  const auto before = outcome.before.short_hex();
  if (outcome.kind == Kind::kFailed) {
    output.line(fmt::format("snapshot {} was NOT rewritten: {}", before, outcome.why));
    return output.object({{"message_type", "error"}, {"message", outcome.why}, {"snapshot_id", outcome.before.hex()}});
  }
  if (outcome.kind == Kind::kUnchanged) return output.line("snapshot " + before + " stays as it is");
  const auto left_out = outcome.left_out == 0 ? "" : ", without " + plural(outcome.left_out, "path");
  if (options.dry_run) {
    output.line(fmt::format("snapshot {} would be saved anew{}{}", before, left_out,
                            options.forget ? " and then removed" : ""));
  } else {
    output.line(fmt::format("snapshot {} saved anew as {}{}{}", before, outcome.after.short_hex(), left_out,
                            options.forget ? "; the old one is removed" : ""));
  }
  nlohmann::ordered_json object = {{"message_type", "changed"}, {"old_snapshot_id", outcome.before.hex()}};
  object["new_snapshot_id"] = options.dry_run ? nlohmann::ordered_json() : nlohmann::ordered_json(outcome.after.hex());
  object["tree"] = outcome.tree.hex();
  object["left_out"] = outcome.left_out;
  output.object(object);
}

int finish(Output& output, const OpenRepository& repository, const std::vector<RewriteOutcome>& outcomes,
           const RewriteOptions& options) {
  size_t changed = 0;
  auto skipped = nlohmann::ordered_json::array();
  for (const auto& outcome : outcomes) {
    changed += outcome.kind == Kind::kRewritten;
    if (outcome.kind != Kind::kFailed) continue;
    skipped.push_back({{"what", "snapshot " + outcome.before.hex()}, {"reason", outcome.why}});
  }
  if (changed == 0) {
    output.line(options.dry_run ? "no snapshots would be modified" : "no snapshots were modified");
  } else {
    output.line((options.dry_run ? "would modify " : "modified ") + plural(changed, "snapshot"));
  }
  const int done = skipped.empty() ? kOk : skipped.size() == outcomes.size() ? kFailed : kIncomplete;
  const int code = repository.release(output, done);
  output.object({{"message_type", "summary"},
                 {"result", code == kOk ? "complete" : "incomplete"},
                 {"exit_code", code},
                 {"skipped", skipped},
                 {"snapshot_id", nullptr},
                 {"dry_run", options.dry_run},
                 {"changed_snapshots", changed}});
  return code;
}

Result<int> run_rewrite(Context& context, const RewriteWords& words) {
  TRY_ASSIGN(const auto options, options_from(words));
  const auto access = options.dry_run ? Access::kNoLock : options.forget ? Access::kExclusive : Access::kAppend;
  TRY_ASSIGN(const auto repository, context.open(access));
  TRY_ASSIGN(const auto filter, words.selection.filter(words.snapshots));
  TRY_ASSIGN(const auto selected, repo::select_snapshots(*repository, words.snapshots, filter, repository.cancel));
  TRY(repository->load_index(repository.cancel));
  auto& output = context.output();
  const auto decided = [&](const RewriteOutcome& outcome) { show(output, outcome, options); };
  TRY_ASSIGN(const auto outcomes,
             maintenance::rewrite(*repository, selected, options, decided, output, repository.cancel));
  return finish(output, repository, outcomes, options);
}

}  // namespace

void add_rewrite(Command& app, Context& context) {
  auto* command = app.add_subcommand("rewrite", "save snapshots anew without some files, or with another host or time");
  command->footer(
      "Examples:\n"
      "  varve rewrite --exclude '/home/*/.cache' --dry-run\n"
      "  varve rewrite --forget --new-host shop 9e1d04c7");
  auto words = std::make_shared<RewriteWords>();
  command->add_option("snapshots", words->snapshots, "ids, or latest; without any, all that are selected")
      ->type_name("SNAPSHOT");
  add_pattern_options(*command, words->exclude, "exclude", "leave out what matches");
  command->add_option("--new-host", words->new_host, "say it is of HOST")->type_name("HOST");
  command->add_option("--new-time", words->new_time, "say it was made at TIME ('2026-11-21 10:15:02')")
      ->type_name("TIME");
  command->add_flag("-s,--snapshot-summary", words->summarise, "count files and bytes anew where no summary has them");
  command->add_flag("--forget", words->forget, "remove each old snapshot once the new one is there");
  command->add_flag("-n,--dry-run", words->dry_run, "only say what would be done");
  add_selection_options(*command, words->selection);
  command->callback([&context, words] { context.run = [&context, words] { return run_rewrite(context, *words); }; });
}

}  // namespace varve::cli
