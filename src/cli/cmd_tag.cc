#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "maintenance/tag.h"
#include "repo/select_snapshots.h"

namespace varve::cli {

namespace {

struct TagWords {
  std::vector<std::string> snapshots, set, add, remove;
  SelectionOptions selection;
};

std::vector<std::string> flat(const std::vector<std::string>& lists) {
  std::vector<std::string> tags;
  for (const auto& list : lists) {
    for (auto& tag : repo::split_tags(list)) tags.push_back(std::move(tag));
  }
  return tags;
}

Result<maintenance::TagChange> change_from(const TagWords& words) {
  if (!words.set.empty() && !(words.add.empty() && words.remove.empty())) {
    return fail(ErrorKind::kInvalidInput, "--set leaves nothing for --add and --remove to change");
  }
  maintenance::TagChange change{{}, flat(words.add), flat(words.remove)};
  if (!words.set.empty()) change.set = flat(words.set);
  if (change.set || !change.add.empty() || !change.remove.empty()) return change;
  return fail(Error(ErrorKind::kInvalidInput, "no tags were named, so there is nothing to do")
                  .hint("--add, --remove and --set take TAG[,TAG...]; --set '' takes all away"));
}

Result<int> run_tag(Context& context, const TagWords& words) {
  TRY_ASSIGN(const auto change, change_from(words));
  TRY_ASSIGN(const auto repository, context.open(Access::kExclusive));
  TRY_ASSIGN(const auto filter, words.selection.filter(words.snapshots));
  TRY_ASSIGN(const auto selected, repo::select_snapshots(*repository, words.snapshots, filter, repository.cancel));
  auto& output = context.output();
  size_t changed = 0;
  for (const auto& snapshot : selected) {
    TRY_ASSIGN(const auto id, maintenance::change_tags(*repository, snapshot, change, repository.cancel));
    if (!id) continue;
    ++changed;
    output.line(fmt::format("snapshot {} is now {}", snapshot.id.short_hex(), id->short_hex()));
    output.object(
        {{"message_type", "changed"}, {"old_snapshot_id", snapshot.id.hex()}, {"new_snapshot_id", id->hex()}});
  }
  output.line(changed == 0 ? "no snapshots were modified" : "modified " + plural(changed, "snapshot"));
  const int code = repository.release(output, kOk);
  output.object({{"message_type", "summary"},
                 {"changed_snapshots", changed},
                 {"result", code == kOk ? "complete" : "incomplete"},
                 {"exit_code", code},
                 {"skipped", nlohmann::ordered_json::array()},
                 {"snapshot_id", nullptr}});
  return code;
}

}  // namespace

void add_tag(Command& app, Context& context) {
  auto* command = app.add_subcommand("tag", "change the tags of snapshots");
  command->footer(
      "Examples:\n"
      "  varve tag --add keep,monthly latest --host shop\n"
      "  varve tag --set '' 9e1d04c7");
  auto words = std::make_shared<TagWords>();
  command->add_option("snapshots", words->snapshots, "ids, or latest; without any, all that are selected")
      ->type_name("SNAPSHOT");
  const auto add_tags = [&](const char* name, std::vector<std::string>& lists, const char* what) {
    command->add_option(name, lists, what)->type_name("TAGS");
  };
  add_tags("--add", words->add, "add these TAGS (a,b)");
  add_tags("--remove", words->remove, "take these away");
  add_tags("--set", words->set, "these in place of all others; '' for none");
  add_selection_options(*command, words->selection);
  command->callback([&context, words] { context.run = [&context, words] { return run_tag(context, *words); }; });
}

}  // namespace varve::cli
