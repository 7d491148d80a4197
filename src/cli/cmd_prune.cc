
#include "cli/prune_words.h"

namespace varve::cli {

namespace {

struct Words {
  PruneWords prune;
  bool dry_run = false;
};

Result<int> run_prune(Context& context, const Words& words) {
  TRY_ASSIGN(auto options, prune_options(words.prune));
  options.dry_run = words.dry_run;
  TRY_ASSIGN(const auto repository, open_to_remove(context, words.dry_run));
  return prune(context, repository, options);
}

}  // namespace

void add_prune(Command& app, Context& context) {
  auto* command = app.add_subcommand("prune", "remove the data that no snapshot needs");
  command->footer("Example:\n  varve prune --max-unused 10%");
  auto words = std::make_shared<Words>();
  add_prune_options(*command, words->prune);
  command->add_flag("-n,--dry-run", words->dry_run, "remove nothing, tell what would be done");
  command->callback([&context, words] { context.run = [&context, words] { return run_prune(context, *words); }; });
}

}  // namespace varve::cli
