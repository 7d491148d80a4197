#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/in_words.h"
#include "repo/check.h"

namespace varve::cli {

namespace {

using repo::Finding;

struct CheckArguments {
  bool read_data = false, with_cache = false;
  std::string subset;
  std::vector<std::string> snapshots;
  SelectionOptions selection;
};

constexpr size_t kMaxSnapshots = 10;

/// "snapshot 9e1d04c7: collection shop.orders".
std::vector<std::string> affected_by(const Finding& finding) {
  std::vector<std::string> out;
  for (const auto& affected : finding.affects) {
    out.push_back("snapshot " + affected.snapshot.short_hex() + ": " + in_words(affected.path));
  }
  if (finding.more_affected > 0) out.push_back(fmt::format("and {} more", finding.more_affected));
  return out;
}

std::string snapshots_of(const Finding& finding) {
  std::string out = plural(finding.snapshots.size(), "snapshot") + " in all:";
  for (size_t i = 0; i < finding.snapshots.size() && i < kMaxSnapshots; ++i) {
    out += (i == 0 ? " " : ", ") + finding.snapshots[i].short_hex();
  }
  if (finding.snapshots.size() > kMaxSnapshots) {
    out += fmt::format(" and {} more", finding.snapshots.size() - kMaxSnapshots);
  }
  return out;
}

void print(Output& output, const Finding& finding) {
  const bool error = finding.severity == Finding::Severity::kError;
  const auto affects = affected_by(finding);
  output.line((error ? "damage: " : "note: ") + finding.what);
  for (const auto& affected : affects) output.line("  affects " + affected);
  if (finding.snapshots.size() > 1) output.line("  " + snapshots_of(finding));
  if (!finding.advice.empty()) output.line("  " + finding.advice);
  output.object({{"message_type", error ? "error" : "warning"},
                 {"message", finding.what},
                 {"affects", affects},
                 {"snapshots", hex_of(finding.snapshots)},
                 {"advice", finding.advice}});
}

void print_totals(Output& output, const repo::CheckResult& result, const repo::CheckOptions& options, bool with_cache) {
  output.line(fmt::format(
      "{}, {}, {}{}", plural(result.snapshots, "snapshot"), plural(result.packs, "pack"), plural(result.blobs, "blob"),
      options.read_data ? fmt::format(", {} read and verified ({})", plural(result.packs_read, "pack"),
                                      format_size(result.bytes_read))
                        : ""));
  if (!result.ok()) return output.line("the repository is damaged");
  if (with_cache) return output.line("no damage found; index and snapshots may be those kept here (--with-cache)");
  const bool all = options.read_data && result.packs_read == result.packs;
  output.line(all && result.unindexed_packs == 0 ? "no damage: every byte was read"
              : all ? "no damage: every byte that the index names was read, but not the packs that it does not name"
              : options.read_data ? "no damage found in what was read"
                                  : "no damage found; --read-data reads the data too");
}

Result<repo::CheckOptions> parse(const CheckArguments& arguments) {
  repo::CheckOptions options;
  options.read_data = arguments.read_data || !arguments.subset.empty();
  if (!arguments.subset.empty()) {
    TRY_ASSIGN(options.subset, repo::PackSubset::parse(arguments.subset));
  }
  options.snapshots = arguments.snapshots;
  TRY_ASSIGN(options.filter, arguments.selection.filter(arguments.snapshots));
  return options;
}

Result<int> check(Context& context, const CheckArguments& arguments) {
  TRY_ASSIGN(auto options, parse(arguments));
  context.always_cached = arguments.with_cache;
  repo::PackHasher hasher;
  const auto begin = [&](std::shared_ptr<storage::Storage> storage) {
    if (arguments.read_data && !options.limited()) hasher.start(std::move(storage));
  };
  TRY_ASSIGN(const auto repository,
             context.open_early(context.global.no_lock ? Access::kNoLock : Access::kExclusive, begin));
  options.hashed = hasher.stop();
  auto& output = context.output();
  if (arguments.selection.hosts.empty() && !options.filter.hosts.empty()) {
    output.warning("RESTIC_HOST leaves only the snapshots" + repo::describe(options.filter) +
                   ", no others are looked at");
  } else if (!options.filter.empty()) {
    output.note("only for the snapshots" + repo::describe(options.filter));
  }
  const auto progress = [&](std::string_view kind, uint64_t done, uint64_t total) {
    output.progress({.action = "check", .item = std::string(kind), .items = done, .items_total = total});
  };
  TRY_ASSIGN(const auto result, repo::check(*repository, options, progress, repository.cancel));
  TRY(repository.settle());
  for (const auto& finding : result.findings) print(output, finding);
  print_totals(output, result, options, arguments.with_cache);
  const int code = result.ok() ? kOk : kFailed;
  output.object({{"message_type", "summary"},
                 {"result", result.ok() ? "complete" : "damaged"},
                 {"exit_code", code},
                 {"skipped", nlohmann::ordered_json::array()},
                 {"snapshot_id", nullptr},
                 {"num_errors", result.errors()},
                 {"broken_packs", hex_of(result.broken_packs)},
                 {"suggest_repair_index", result.suggest_repair_index},
                 {"suggest_prune", result.suggest_prune},
                 {"broken_snapshots", hex_of(result.broken_snapshots)},
                 {"snapshots", result.snapshots},
                 {"packs", result.packs},
                 {"blobs", result.blobs},
                 {"packs_read", result.packs_read},
                 {"unindexed_packs", result.unindexed_packs},
                 {"bytes_read", result.bytes_read}});
  return code;
}

}  // namespace

void add_check(Command& app, Context& context) {
  auto* command = app.add_subcommand("check", "look for damage in the repository");
  command->footer(
      "Example:\n  varve check --read-data\n  varve check --read-data-subset 2/7\n  varve check latest --host shop");
  auto arguments = std::make_shared<CheckArguments>();
  command
      ->add_option("snapshot", arguments->snapshots,
                   "only these, and the packs that they need: ids, beginnings of ids, or latest")
      ->type_name("SNAPSHOT");
  auto* all =
      command->add_flag("--read-data", arguments->read_data, "read and verify every byte, not only the structure");
  command
      ->add_option("--read-data-subset", arguments->subset,
                   "read and verify a part: N/T the Nth of T parts, 2.5% drawn at random, or a size such as 50G")
      ->type_name("PART")
      ->excludes(all);
  command->add_flag("--with-cache", arguments->with_cache,
                    "use what is kept of the repository on this machine, instead of reading all of it");
  add_selection_options(*command, arguments->selection);
  command->callback(
      [&context, arguments] { context.run = [&context, arguments] { return check(context, *arguments); }; });
}

}  // namespace varve::cli
