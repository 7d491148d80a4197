#include <nlohmann/json.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "cli/cache_base.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "storage/cache_folder.h"

namespace varve::cli {

namespace {

using std::chrono::system_clock;

struct CacheWords {
  bool cleanup = false;
  unsigned max_age = static_cast<unsigned>(kCacheAge.count());
};

int64_t days_since(system_clock::time_point time) {
  return std::chrono::floor<std::chrono::days>(system_clock::now() - time).count();
}

void print(Output& output, const storage::CachedRepository& one, unsigned max_age) {
  const auto days = days_since(one.used);
  const bool old = days >= int64_t{max_age};
  output.line(
      fmt::format("{:<10}  {:>16}  {:<4} {:>10}", one.name.substr(0, 10),
                  days == 0 ? "today" : plural(static_cast<uint64_t>(std::max<int64_t>(days, 0)), "day") + " ago",
                  old ? "old" : "", format_size(one.bytes)));
  output.object({{"message_type", "cached_repository"},
                 {"repository_id", one.name},
                 {"last_used", fmt::format("{:%FT%TZ}", std::chrono::floor<std::chrono::seconds>(one.used))},
                 {"old", old},
                 {"size", one.bytes}});
}

Result<int> run_cache(Context& context, const CacheWords& words) {
  auto& output = context.output();
  TRY_ASSIGN(const auto base, cache_base(context.global.storage));
  size_t removed = 0;
  if (words.cleanup) {
    TRY_ASSIGN(removed, clean_cache(base, std::chrono::days(words.max_age)));
  }
  TRY_ASSIGN(const auto found, storage::cached_repositories(base));
  output.line(fmt::format("{:<10}  {:>16}  {:<4} {:>10}", "repository", "last used", "", "size"));
  for (const auto& one : found) print(output, one, words.max_age);
  output.line(fmt::format("{} {} in {}", found.size(), found.size() == 1 ? "repository" : "repositories", base));
  if (words.cleanup) output.line(fmt::format("{} removed", removed));
  output.object({{"message_type", "summary"},
                 {"result", "complete"},
                 {"exit_code", kOk},
                 {"skipped", nlohmann::ordered_json::array()},
                 {"folder", base},
                 {"repositories", found.size()},
                 {"removed", removed}});
  return kOk;
}

}  // namespace

void add_cache(Command& app, Context& context) {
  auto* command = app.add_subcommand("cache", "what is kept on this machine of repositories on a network");
  command->footer("Example:\n  varve cache --cleanup");
  auto words = std::make_shared<CacheWords>();
  command->add_flag("--cleanup", words->cleanup, "remove what was not used for --max-age");
  command->add_option("--max-age", words->max_age, "from so many days on it is old")->type_name("DAYS");
  command->callback([&context, words] { context.run = [&context, words] { return run_cache(context, *words); }; });
}

}  // namespace varve::cli
