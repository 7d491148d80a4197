#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/format.h"
#include "cli/problems.h"
#include "cli/restore_files.h"
#include "files/paths.h"
#include "files/restorer.h"
#include "repo/snapshot_path.h"

namespace varve::cli {

namespace {

using files::RestoreAction;
using files::RestoreCounts;

std::string_view name_of(RestoreAction action) {
  switch (action) {
    case RestoreAction::kRestored:
      return "restored";
    case RestoreAction::kUpdated:
      return "updated";
    case RestoreAction::kUnchanged:
      return "unchanged";
    case RestoreAction::kDeleted:
      return "deleted";
  }
  return "";
}

nlohmann::ordered_json counts_json(const RestoreCounts& counts) {
  return {{"total_files", counts.files_total},     {"files_restored", counts.files_restored},
          {"files_skipped", counts.files_skipped}, {"files_deleted", counts.files_deleted},
          {"total_bytes", counts.bytes_total},     {"bytes_restored", counts.bytes_restored},
          {"bytes_skipped", counts.bytes_skipped}};
}

/// Shows what a restore tells.
class Teller final : public files::RestoreListener {
 public:
  Teller(Output& output, bool items, uint64_t expected) : output_(output), items_(items), expected_(expected) {}

  void item(RestoreAction action, const std::string& path, uint64_t size) override {
    if (!items_) return;
    output_.line(fmt::format("{:<9} {}{}", name_of(action), path, size > 0 ? ", " + format_size(size) : ""));
    output_.object({{"message_type", "verbose_status"}, {"action", name_of(action)}, {"item", path}, {"size", size}});
  }

  void problem(const std::string& path, const Error& error) override { output_.problem("restore", path, error); }

  void progress(const RestoreCounts& counts, const std::string& path) override {
    const auto total = std::max(expected_, counts.bytes_total);
    const Progress progress{.action = "restore", .item = path, .bytes = counts.bytes_restored, .bytes_total = total};
    output_.progress(progress, [&] { return counts_json(counts); });
  }

  void warning(const std::string& sentence) override { output_.warning(sentence); }

 private:
  Output& output_;
  const bool items_;
  const uint64_t expected_;
};

Result<files::Overwrite> parse_overwrite(const std::string& word) {
  if (word == "always") return files::Overwrite::kAlways;
  if (word == "if-changed") return files::Overwrite::kIfChanged;
  if (word == "if-newer") return files::Overwrite::kIfNewer;
  if (word == "never") return files::Overwrite::kNever;
  return fail(Error(ErrorKind::kInvalidInput, "there is no way to overwrite \"" + word + "\"")
                  .hint("always, if-changed, if-newer and never are known"));
}

Status refuse_contradictions(const RestoreFilesWords& words, bool dry_run) {
  const auto refuse = [](std::string why) { return fail(ErrorKind::kInvalidInput, std::move(why)); };
  const bool filtered = !words.includes.empty() || !words.excludes.empty();
  if (!words.includes.empty() && !words.excludes.empty()) {
    return refuse("--include and --exclude cannot be given together");
  }
  if (!words.include_attributes.empty() && !words.exclude_attributes.empty()) {
    return refuse("--include-xattr and --exclude-xattr cannot be given together");
  }
  if (dry_run && words.verify) return refuse("--verify has nothing to read after --dry-run");
  if (words.remove_others && !filtered && files::clean_path(words.target) == "/") {
    return refuse("--delete with the target / would delete the system; --include or --exclude say what it may touch");
  }
  return {};
}

Status set_selection(const RestoreFilesWords& words, files::RestoreOptions& options) {
  TRY_ASSIGN(const auto includes, words.includes.rules());
  TRY_ASSIGN(const auto excludes, words.excludes.rules());
  if (!words.includes.empty()) {
    options.select = [includes](const std::string& path, bool) {
      return files::Choice{includes.matches(path), includes.may_match_below(path)};
    };
  } else if (!words.excludes.empty()) {
    options.select = [excludes](const std::string& path, bool) {
      const bool taken = !excludes.matches(path);
      return files::Choice{taken, taken};
    };
  }
  const bool only = !words.include_attributes.empty();
  const auto& patterns = only ? words.include_attributes : words.exclude_attributes;
  TRY_ASSIGN(const auto attributes, files::ExcludeRules::parse(patterns, false));
  if (!patterns.empty()) {
    options.select_attribute = [attributes, only](const std::string& name) { return attributes.matches(name) == only; };
  }
  return {};
}

void print(Output& output, const files::RestoreResult& result, const RestoreFilesWords& words, bool dry_run,
           std::chrono::nanoseconds took) {
  const auto& c = result.counts;
  const bool whole = c.files_restored == c.files_total && c.bytes_restored == c.bytes_total;
  auto text = whole ? fmt::format("{} {} ({})", dry_run ? "would restore" : "restored",
                                  format_count(c.files_total) + " files and folders", format_size(c.bytes_total))
                    : fmt::format("restored {} of {} ({} of {})", format_count(c.files_restored),
                                  format_count(c.files_total) + " files and folders", format_size(c.bytes_restored),
                                  format_size(c.bytes_total));
  text += fmt::format(" in {}", format_duration(took));
  if (c.files_skipped > 0) {
    text += fmt::format(", left {} ({}) as they were", format_count(c.files_skipped), format_size(c.bytes_skipped));
  }
  if (c.files_deleted > 0) {
    text += fmt::format(", {} {}", dry_run ? "would delete" : "deleted", format_count(c.files_deleted));
  }
  output.line(text);
  print_problems(output, result.problems, c.errors);
  if (words.verify) output.line(fmt::format("read back and compared {}", plural(result.files_verified, "file")));
}

/// What was restored is of use, though something is missing; unless there is nothing of it.
int exit_code(const RestoreCounts& counts) {
  if (counts.errors == 0) return kOk;
  return counts.files_restored + counts.files_skipped > 0 ? kIncomplete : kFailed;
}

nlohmann::ordered_json summary(const files::RestoreResult& result, const repo::Snapshot& snapshot, bool dry_run,
                               std::chrono::nanoseconds took, int code) {
  const auto& c = result.counts;
  nlohmann::ordered_json object = {{"message_type", "summary"},
                                   {"seconds_elapsed", std::chrono::duration_cast<std::chrono::seconds>(took).count()}};
  object.update(counts_json(c));
  object.update({{"result", code == kOk ? "complete" : "incomplete"},
                 {"exit_code", code},
                 {"skipped", problems_json(result.problems)},
                 {"snapshot_id", snapshot.id.hex()},
                 {"dry_run", dry_run},
                 {"num_errors", c.errors},
                 {"files_verified", result.files_verified},
                 {"without_owner", c.without_owner},
                 {"without_xattrs", c.without_attributes},
                 {"sockets_left_out", c.sockets}});
  return object;
}

Result<files::RestoreResult> run(Context& context, const OpenRepository& repository, const repo::SnapshotTree& found,
                                 const RestoreFilesWords& words, const files::RestoreOptions& options) {
  const auto& summary = found.snapshot.summary;
  const bool all = found.folder.empty() && !options.select;
  Teller teller(context.output(), words.verbose > 0, all && summary ? summary->total_bytes_processed : 0);
  context.output().note(fmt::format("restoring snapshot {} of {} to {}", found.snapshot.id.short_hex(),
                                    format_utc(found.snapshot.time), words.target));
  return files::restore(*repository, found.tree, options, teller, repository.cancel);
}

}  // namespace

void add_restore_files_options(Command& command, RestoreFilesWords& words,
                               const std::vector<std::string>& options_of_servers) {
  auto* target = command.add_option("-t,--target", words.target, "restore files to the folder DIR")->type_name("DIR");
  for (const auto& other : options_of_servers) target->excludes(command.get_option(other));
  add_pattern_options(command, words.includes, "include", "take only what matches");
  add_pattern_options(command, words.excludes, "exclude", "leave out what matches");
  const auto add_list = [&](const char* name, std::vector<std::string>& to, const char* help) {
    command.add_option(name, to, help)->type_name("PATTERN");
  };
  add_list("--include-xattr", words.include_attributes, "only extended attributes that match PATTERN");
  add_list("--exclude-xattr", words.exclude_attributes, "no extended attributes that match PATTERN");
  command.add_option("--overwrite", words.overwrite, "files that exist: always, if-changed, if-newer or never")
      ->type_name("WHEN");
  command.add_flag("--delete", words.remove_others, "delete what is in restored folders but not in the snapshot");
  command.add_flag("--sparse", words.sparse, "leave holes in files where there are zeros");
  command.add_flag("--verify", words.verify, "read the restored files back and compare them");
  command.add_flag("--ownership-by-name", words.owners_by_name, "owners by their names rather than their numbers");
  command.add_flag("-v,--verbose", words.verbose, "name every file");
  for (const char* name : {"--include", "--iinclude", "--include-file", "--iinclude-file", "--exclude", "--iexclude",
                           "--exclude-file", "--iexclude-file", "--include-xattr", "--exclude-xattr", "--overwrite",
                           "--delete", "--sparse", "--verify", "--ownership-by-name", "--verbose"}) {
    command.get_option(name)->needs(target)->group("Files (with --target)");
  }
  target->group("Files (with --target)");
}

Result<int> restore_files(Context& context, const SnapshotOptions& snapshot, const RestoreFilesWords& words,
                          bool dry_run) {
  TRY(refuse_contradictions(words, dry_run));
  files::RestoreOptions options{.target = words.target,
                                .remove_others = words.remove_others,
                                .dry_run = dry_run,
                                .sparse = words.sparse,
                                .verify = words.verify,
                                .owners_by_name = words.owners_by_name};
  TRY_ASSIGN(options.overwrite, parse_overwrite(words.overwrite));
  TRY(set_selection(words, options));
  TRY_ASSIGN(const auto repository, context.open_early(Access::kRead));
  TRY_ASSIGN(const auto found, find_snapshot_tree(repository, snapshot));
  TRY(repository.settle());
  const auto started = system_clock().ticks();
  TRY_ASSIGN(const auto result, run(context, repository, found, words, options));
  const auto took = system_clock().ticks() - started;
  auto& output = context.output();
  print(output, result, words, dry_run, took);
  const int code = exit_code(result.counts);
  output.object(summary(result, found.snapshot, dry_run, took, code));
  return code;
}

}  // namespace varve::cli
