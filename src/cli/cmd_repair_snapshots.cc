#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/in_words.h"
#include "maintenance/repair_snapshots.h"

namespace varve::cli {

namespace {

using Json = nlohmann::ordered_json;
using maintenance::RepairedSnapshot;
using maintenance::SnapshotChange;

struct SnapshotsArguments {
  std::vector<std::string> names;
  SelectionOptions selection;
  maintenance::RepairSnapshotsOptions options;
};

std::string sentence(const SnapshotChange& change) {
  const std::string what = in_words(change.path);
  switch (change.kind) {
    case SnapshotChange::Kind::kShortened:
      return fmt::format("{}: lost {} of its {}", what, change.lost, plural(change.blobs, "blob"));
    case SnapshotChange::Kind::kSizeCorrected:
      return what + ": its recorded size was wrong";
    case SnapshotChange::Kind::kEmptied:
      return what + ": its folder is empty now, since " + change.why;
    case SnapshotChange::Kind::kDropped:
      return what + ": left out, since " + change.why;
    case SnapshotChange::Kind::kAsBefore:
      return what + ": as in snapshot " + change.snapshot.short_hex();
  }
  return what;
}

std::string headline(const RepairedSnapshot& snapshot, bool dry_run) {
  const std::string name = "snapshot " + snapshot.id.short_hex();
  switch (snapshot.outcome) {
    case RepairedSnapshot::Outcome::kSound:
      return name + ": misses nothing";
    case RepairedSnapshot::Outcome::kRepaired:
      return dry_run ? name + ": would be saved anew" : name + ": saved anew as " + snapshot.new_id->short_hex();
    case RepairedSnapshot::Outcome::kRemoved:
      return name + (dry_run ? ": would be removed: " : ": removed: ") + snapshot.why;
    case RepairedSnapshot::Outcome::kIrreparable:
      return name + ": nothing of it can be read, --forget removes it: " + snapshot.why;
  }
  return name;
}

const char* outcome_name(RepairedSnapshot::Outcome outcome) {
  switch (outcome) {
    case RepairedSnapshot::Outcome::kSound:
      return "sound";
    case RepairedSnapshot::Outcome::kRepaired:
      return "repaired";
    case RepairedSnapshot::Outcome::kRemoved:
      return "removed";
    case RepairedSnapshot::Outcome::kIrreparable:
      return "irreparable";
  }
  return "";
}

/// What it has no longer, or never will have.
void add_losses(const RepairedSnapshot& snapshot, Json& skipped) {
  const std::string name = "snapshot " + snapshot.id.hex();
  const auto add = [&](std::string reason) { skipped.push_back({{"what", name}, {"reason", std::move(reason)}}); };
  if (!snapshot.why.empty()) add(snapshot.why);
  for (const auto& change : snapshot.changes) {
    if (change.kind != SnapshotChange::Kind::kSizeCorrected) add(sentence(change));
  }
  if (snapshot.more_changes > 0) add(fmt::format("and {} more", snapshot.more_changes));
}

Json to_json(const RepairedSnapshot& snapshot) {
  std::vector<std::string> changes;
  for (const auto& change : snapshot.changes) changes.push_back(sentence(change));
  return {{"id", snapshot.id.hex()},
          {"outcome", outcome_name(snapshot.outcome)},
          {"new_id", snapshot.new_id ? Json(snapshot.new_id->hex()) : Json(nullptr)},
          {"why", snapshot.why},
          {"changes", changes},
          {"more_changes", snapshot.more_changes}};
}

void print(Output& output, const RepairedSnapshot& snapshot, bool dry_run) {
  if (snapshot.outcome == RepairedSnapshot::Outcome::kSound) return;
  output.line(headline(snapshot, dry_run));
  for (const auto& change : snapshot.changes) output.line("  " + sentence(change));
  if (snapshot.more_changes > 0) output.line(fmt::format("  and {} more", snapshot.more_changes));
}

Result<int> repair_snapshots(Context& context, const SnapshotsArguments& arguments) {
  TRY_ASSIGN(const auto repository, context.open(arguments.options.dry_run ? Access::kNoLock : Access::kExclusive));
  auto& output = context.output();
  TRY_ASSIGN(auto files, repo::read_snapshot_files(*repository, repository.cancel));
  TRY_ASSIGN(const auto filter, arguments.selection.filter(arguments.names));
  TRY_ASSIGN(files, repo::select_snapshot_files(std::move(files), arguments.names, filter));
  TRY(repository->load_index(repository.cancel));
  auto options = arguments.options;
  options.named = !arguments.names.empty();
  TRY_ASSIGN(const auto snapshots,
             maintenance::repair_snapshots(*repository, files, options, output, repository.cancel));
  Json list = Json::array();
  Json skipped = Json::array();
  uint64_t changed = 0;
  for (const auto& snapshot : snapshots) {
    print(output, snapshot, options.dry_run);
    list.push_back(to_json(snapshot));
    const bool left = snapshot.outcome == RepairedSnapshot::Outcome::kIrreparable;
    add_losses(snapshot, skipped);
    changed += !left && snapshot.outcome != RepairedSnapshot::Outcome::kSound;
  }
  output.line(fmt::format("{} {}", plural(changed, "snapshot"), options.dry_run ? "would be changed" : "changed"));
  if (changed > 0 && !options.forget && !options.dry_run) {
    output.line("the broken ones are still there; --forget puts the repaired ones in their place");
  }
  const int code = repository.release(output, skipped.empty() ? kOk : kIncomplete);
  output.object({{"message_type", "summary"},
                 {"result", code == kOk ? "complete" : "incomplete"},
                 {"exit_code", code},
                 {"skipped", std::move(skipped)},
                 {"snapshot_id", nullptr},
                 {"dry_run", options.dry_run},
                 {"snapshots", std::move(list)},
                 {"snapshots_changed", changed}});
  return code;
}

}  // namespace

void add_repair_snapshots(Command& repair, Context& context) {
  auto* command = repair.add_subcommand("snapshots", "make broken snapshots anew, without what they miss");
  command->footer("Example:\n  varve repair snapshots --dry-run\n  varve repair snapshots --forget");
  auto arguments = std::make_shared<SnapshotsArguments>();
  command->add_option("snapshot", arguments->names, "only these: ids, beginnings of ids, or latest")
      ->type_name("SNAPSHOT");
  command->add_flag("--forget", arguments->options.forget, "remove each broken snapshot once its successor is saved");
  command->add_flag("-n,--dry-run", arguments->options.dry_run, "say what would be done, and change nothing");
  add_selection_options(*command, arguments->selection);
  command->callback(
      [&context, arguments] { context.run = [&context, arguments] { return repair_snapshots(context, *arguments); }; });
}

}  // namespace varve::cli
