#include "cli/backup_words.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/backup_places.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/local_time.h"
#include "cli/problems.h"

namespace varve::cli {

namespace {

nlohmann::ordered_json id_json(const std::optional<Id>& id) {
  return id ? nlohmann::ordered_json(id->hex()) : nlohmann::ordered_json();
}

nlohmann::ordered_json summary_json(const files::BackupResult& result, bool dry_run, int code) {
  const auto& s = result.summary;
  const std::chrono::duration<double> took = s.backup_end - s.backup_start;
  return {{"message_type", "summary"},
          {"result", code == kOk ? "complete" : "incomplete"},
          {"exit_code", code},
          {"skipped", problems_json(result.problems)},
          {"error_count", result.problem_count},
          {"files_new", s.files_new},
          {"files_changed", s.files_changed},
          {"files_unmodified", s.files_unmodified},
          {"dirs_new", s.dirs_new},
          {"dirs_changed", s.dirs_changed},
          {"dirs_unmodified", s.dirs_unmodified},
          {"data_blobs", s.data_blobs},
          {"tree_blobs", s.tree_blobs},
          {"data_added", s.data_added},
          {"data_added_packed", s.data_added_packed},
          {"total_files_processed", s.total_files_processed},
          {"total_bytes_processed", s.total_bytes_processed},
          {"total_duration", took.count()},
          {"backup_start", format_rfc3339(s.backup_start)},
          {"backup_end", format_rfc3339(s.backup_end)},
          {"snapshot_id", id_json(result.snapshot)},
          {"parent", id_json(result.parent)},
          {"dry_run", dry_run}};
}

std::string first_line_of(const files::BackupResult& result, bool dry_run) {
  if (dry_run) return "dry run: nothing was stored";
  if (result.snapshot) return "snapshot " + result.snapshot->short_hex() + " saved";
  return "no snapshot: everything is as in " + result.parent->short_hex();
}

std::string changes(const char* noun, uint64_t added, uint64_t changed, uint64_t same) {
  return fmt::format("  {}: {} new, {} changed, {} unmodified", noun, format_count(added), format_count(changed),
                     format_count(same));
}

}  // namespace

void add_snapshot_words(Command& command, SnapshotWords& words) {
  command.add_option("--tag", words.tags, "put tags on the snapshot (a,b)")->type_name("TAGS");
  command.add_option("-H,--host", words.host, "the snapshot's host, if not this machine (or RESTIC_HOST)")
      ->type_name("HOST");
  command.add_option("--time", words.time, "the snapshot's time, if not now: 2026-11-21 10:15:02")->type_name("TIME");
}

Result<files::SnapshotDetails> SnapshotWords::details() const {
  files::SnapshotDetails details;
  details.host = !host.empty() ? host : variable("HOST").value_or("");
  for (const auto& list : tags) {
    for (auto& tag : repo::split_tags(list)) details.tags.push_back(std::move(tag));
  }
  if (!time.empty()) {
    TRY_ASSIGN(details.time, parse_moment(time));
  }
  details.program_version = program_version();
  return details;
}

Status refuse_options_before(const Command& command) {
  for (const auto* option : command.get_parent()->given_options()) {
    return fail(Error(ErrorKind::kInvalidInput,
                      fmt::format("{} is nothing that `backup {}` takes", option->get_name(), command.get_name()))
                    .hint(fmt::format("`varve backup {} --help` shows what it takes; options come after that name",
                                      command.get_name())));
  }
  return {};
}

int print_backup(Output& output, const BackupPlaces& places, const files::BackupResult& result, bool dry_run) {
  const auto& s = result.summary;
  output.line(first_line_of(result, dry_run));
  output.line(changes("files", s.files_new, s.files_changed, s.files_unmodified));
  output.line(changes("folders", s.dirs_new, s.dirs_changed, s.dirs_unmodified));
  output.line(fmt::format("  {} in all, {} new, {} stored, {}", format_size(s.total_bytes_processed),
                          format_size(s.data_added), format_size(s.data_added_packed),
                          format_duration(s.backup_end - s.backup_start)));
  places.print(output, result.repositories);
  print_problems(output, result.problems, result.problem_count);
  const int code = places.release(output, result.problem_count == 0 ? kOk : kIncomplete, result.repositories);
  auto summary = summary_json(result, dry_run, code);
  places.add_to(summary, result.repositories);
  output.object(summary);
  return code;
}

Error explain_stop(Error error) {
  if (!is_stop(error)) return error;
  return std::move(error).hint(
      "no snapshot was made and earlier ones are untouched; starting again goes on from what was stored");
}

}  // namespace varve::cli
