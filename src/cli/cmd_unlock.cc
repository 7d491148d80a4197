#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "repo/unlock.h"

namespace varve::cli {

namespace {

Result<int> run_unlock(Context& context, bool all) {
  TRY_ASSIGN(const auto repository, context.open(Access::kNoLock));
  TRY_ASSIGN(const auto result, repo::unlock(*repository, all, repository.cancel));
  auto& output = context.output();
  output.line(plural(result.removed, "lock") + " removed");
  if (result.left > 0) {
    output.line(fmt::format("{} left, of programs that may be running; --remove-all removes these too",
                            plural(result.left, "lock")));
  }
  output.object({{"message_type", "summary"},
                 {"result", "complete"},
                 {"exit_code", kOk},
                 {"skipped", nlohmann::ordered_json::array()},
                 {"snapshot_id", nullptr},
                 {"locks_removed", result.removed},
                 {"locks_left", result.left}});
  return kOk;
}

}  // namespace

void add_unlock(Command& app, Context& context) {
  auto* command = app.add_subcommand("unlock", "remove locks that a dead program left behind");
  command->footer("Example:\n  varve unlock");
  auto all = std::make_shared<bool>(false);
  command->add_flag("--remove-all", *all, "every lock, also of programs that run");
  command->callback([&context, all] { context.run = [&context, all] { return run_unlock(context, *all); }; });
}

}  // namespace varve::cli
