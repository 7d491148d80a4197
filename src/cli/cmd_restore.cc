#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "base/parse.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/merge_words.h"
#include "cli/point_in_time.h"
#include "cli/restore_files.h"
#include "cli/restore_output.h"
#include "job/restore.h"

namespace varve::cli {

namespace {

struct RestoreWords {
  SnapshotOptions snapshot;
  AtWords at;
  UriOptions to;
  FilterOptions filter;
  RenameOptions rename;
  MergeWords merge;
  RestoreFilesWords files;
  std::string drop, merge_how, users, write_concern;
  bool no_verify = false, no_indexes = false, no_ttl = false, dry_run = false, yes = false, resume = false,
       allow_version_mismatch = false;
  unsigned writers = 0;
};

std::string quoted(std::string text) {
  for (size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4) text.replace(at, 1, "'\\''");
  return "'" + text + "'";
}

/// The options that decide what comes back and in place of what, as a shell takes them: a restore is known by them when
/// it is resumed.
std::string words_that_count(const RestoreWords& words, const Wanted& wanted) {
  std::string text;
  const auto add = [&](const std::string& option) { text += (text.empty() ? "" : " ") + option; };
  if (wanted.later) add("--at " + wanted.later->until.text());
  const auto add_patterns = [&](const char* option, std::vector<std::string> patterns) {
    std::ranges::sort(patterns);
    for (const auto& pattern : patterns) add(fmt::format("{} {}", option, quoted(pattern)));
  };
  const auto add_choice = [&](const char* option, const std::string& given, std::string_view usual) {
    if (!given.empty()) add(given == usual ? option : fmt::format("{}={}", option, given));
  };
  add_patterns("--ns-include", words.filter.includes);
  add_patterns("--ns-exclude", words.filter.excludes);
  for (size_t i = 0; i < words.rename.from.size(); ++i) {
    add(fmt::format("--ns-from {} --ns-to {}", quoted(words.rename.from[i]), quoted(words.rename.to[i])));
  }
  add_choice("--drop", words.drop, "replace");
  add_choice("--merge", words.merge_how, "missing");
  add_choice("--users", words.users, "add");
  if (words.no_indexes) add("--no-indexes");
  if (words.no_ttl) add("--no-ttl");
  if (words.no_verify) add("--no-verify");
  if (words.allow_version_mismatch) add("--allow-version-mismatch");
  return text;
}

bool replaces_anything(const job::RestorePlan& plan) {
  return !plan.auth.users_replaced.empty() || !plan.auth.roles_replaced.empty() ||
         std::ranges::any_of(plan.items, [](const auto& item) { return item.exists; });
}

/// A terminal asks before anything is replaced; a pipe and --yes don't.
bool confirm(Output& output, const job::RestorePlan& plan) {
  if (!replaces_anything(plan)) return true;
  print_restore_plan(output, plan, false);
  if (isatty(STDIN_FILENO) == 0) return true;
  std::cerr << "go on? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

Result<job::OnExisting> on_existing(const RestoreWords& words) {
  if (!words.drop.empty() && !words.merge_how.empty()) {
    return fail(ErrorKind::kInvalidInput, "--drop replaces collections and --merge adds to them: give one of the two");
  }
  if (words.drop == "first") return job::OnExisting::kDropFirst;
  if (!words.drop.empty()) return job::OnExisting::kReplace;
  if (words.merge_how == "missing") return job::OnExisting::kAddMissing;
  if (words.merge_how == "replace") return job::OnExisting::kOverwrite;
  return job::OnExisting::kRefuse;
}

/// A word or a number of members, and not none: what nobody acknowledges is not known to be there.
Result<std::string> write_concern(const std::string& given) {
  if (given.empty()) return std::string("1");
  constexpr int kMostMembers = 50;
  const auto members = parse_number<int>(given);
  if (members && (*members < 1 || *members > kMostMembers)) {
    return fail(ErrorKind::kInvalidInput,
                "--write-concern " + given + ": give 1 to 50, \"majority\" or a mode of the set");
  }
  return given;
}

Result<int> run_restore(Context& context, const RestoreWords& words) {
  TRY_ASSIGN(auto uri, resolve_uri(words.to, "to restore to (--to), and no folder (--target)"));
  TRY_ASSIGN(auto filter, bson::NamespaceFilter::make(words.filter.includes, words.filter.excludes));
  TRY_ASSIGN(auto rename, bson::NamespaceRename::make(words.rename.from, words.rename.to));
  TRY_ASSIGN(const auto existing, on_existing(words));
  TRY_ASSIGN(auto concern, write_concern(words.write_concern));
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  auto& output = context.output();
  TRY_ASSIGN(auto merge, merge_options(words.merge));
  TRY_ASSIGN(const auto wanted, find_wanted(repository, words.snapshot, words.at, merge, output));
  const auto& snapshot = wanted.snapshot;
  TRY_ASSIGN(const auto backup, job::BackupReader::open(*repository, snapshot, repository.cancel));
  merge.later = wanted.later;
  job::RestoreOptions options{.to = std::move(uri),
                              .filter = std::move(filter),
                              .rename = std::move(rename),
                              .existing = existing,
                              .users = words.users.empty()        ? job::UsersMode::kWithWhole
                                       : words.users == "replace" ? job::UsersMode::kReplace
                                                                  : job::UsersMode::kAdd,
                              .indexes = !words.no_indexes,
                              .ttl = !words.no_ttl,
                              .allow_version_mismatch = words.allow_version_mismatch,
                              .dry_run = words.dry_run,
                              .verify = !words.no_verify,
                              .write_concern = std::move(concern),
                              .writers = words.writers,
                              .resume = words.resume,
                              .snapshot = snapshot.id.hex(),
                              .words = words_that_count(words, wanted),
                              .merge = merge};
  if (!words.yes) options.confirm = [&output](const auto& plan) { return confirm(output, plan); };
  const auto started = system_clock().ticks();
  TRY_ASSIGN(const auto result, job::restore(backup, options, output, repository.cancel));
  const bool verified = result.written && options.verify;
  const int code = result.shortfalls.empty() ? kOk : kIncomplete;
  if (words.dry_run) print_restore_plan(output, result.plan, true);
  if (result.written) print_restored(output, result, verified, system_clock().ticks() - started);
  for (const auto& remark : result.remarks) output.line("  note: " + remark);
  for (const auto& shortfall : result.shortfalls) output.line("  incomplete: " + shortfall);
  output.object(restore_summary(result, snapshot, verified, code));
  return code;
}

}  // namespace

void add_restore(Command& app, Context& context) {
  auto* command = app.add_subcommand("restore", "bring a backup back: collections to a server, files to a folder");
  command->footer(
      "Examples:\n"
      "  varve restore latest --to mongodb://staging\n"
      "  varve restore 9e1d04c7 --to @prod.uri --ns-include 'shop.orders' --drop\n"
      "  varve restore 9e1d04c7 --to @prod.uri --ns-include 'shop.orders' --drop --resume\n"
      "  varve restore --source shop --at '2026-11-28 10:00:07' --to @prod.uri --ns-include shop.orders --ns-from "
      "shop.orders --ns-to shop.orders_before\n"
      "  varve restore latest:/home/anna --target /tmp/anna");
  auto words = std::make_shared<RestoreWords>();
  add_snapshot_options(*command, words->snapshot, false);
  add_at_option(*command, words->at);
  command->add_option("--to", words->to.given, "the server, or @FILE")->type_name("URI");
  add_uri_secrets(*command, words->to);
  add_filter_options(*command, words->filter);
  add_rename_options(*command, words->rename);
  command->add_choice("--drop", words->drop, {"replace", "first"},
                      "replace collections that exist, each once its successor is complete and verified; --drop=first, "
                      "for want of space, drops them before");
  command->add_choice("--merge", words->merge_how, {"missing", "replace"},
                      "add to collections that exist the documents that they lack; --merge=replace puts the backup's "
                      "documents in place of theirs too");
  command->add_choice("--users", words->users, {"add", "replace"},
                      "bring users and roles back although something is filtered or renamed; --users=replace also in "
                      "place of those that exist, but for the login in use");
  command->add_flag("--no-indexes", words->no_indexes, "leave out all indexes but that on _id");
  command->add_flag("--no-ttl", words->no_ttl,
                    "leave out what makes documents expire, and say which commands turn it on");
  command
      ->add_option(
          "--write-concern", words->write_concern,
          "what each insert waits for: members, or majority (default: 1, and a majority, journalled, at the end)")
      ->type_name("W");
  command->add_option("--writers", words->writers, "connections that insert at once")->type_name("N");
  command->add_flag("--no-verify", words->no_verify,
                    "do not read the restored documents back; unverified, so the exit code is 3");
  command->add_flag(
      "--allow-version-mismatch", words->allow_version_mismatch,
      "restore although the backup is of a newer MongoDB or holds what the server cannot take; that is left "
      "out and named, so the exit code is 3");
  command->add_flag("--resume", words->resume,
                    "go on with a restore that was interrupted; give it the same snapshot and options as before");
  command->add_flag("--yes,-y", words->yes, "do not ask");
  add_merge_options(*command, words->merge);
  add_restore_files_options(*command, words->files,
                            {"--at",
                             "--before",
                             "--to",
                             "--uri-file",
                             "--mongo-password-command",
                             "--ns-include",
                             "--ns-exclude",
                             "--ns-from",
                             "--ns-to",
                             "--drop",
                             "--merge",
                             "--users",
                             "--no-indexes",
                             "--no-ttl",
                             "--write-concern",
                             "--writers",
                             "--no-verify",
                             "--resume",
                             "--allow-version-mismatch",
                             "--yes",
                             "--memory",
                             "--spill-dir"});
  command->add_flag("--dry-run,-n", words->dry_run, "say what would be done, and do nothing");
  command->callback([&context, words] {
    context.run = [&context, words] {
      if (words->files.target.empty()) return run_restore(context, *words);
      return restore_files(context, words->snapshot, words->files, words->dry_run);
    };
  });
}

}  // namespace varve::cli
