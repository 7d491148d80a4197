#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/context.h"
#include "cli/format.h"
#include "repo/check.h"

namespace varve::cli {

namespace {

void print(Output& output, const repo::CheckResult& result, bool read_data) {
  for (const auto& finding : result.findings) {
    const bool error = finding.severity == repo::Finding::Severity::kError;
    output.line((error ? "damage: " : "note: ") + finding.what);
    for (const auto& affected : finding.affects) output.line("  affects " + affected);
    output.object(
        {{"message_type", error ? "error" : "warning"}, {"message", finding.what}, {"affects", finding.affects}});
  }
  output.line(fmt::format("{}, {}, {}{}", plural(result.snapshots, "snapshot"), plural(result.packs, "pack"),
                          plural(result.blobs, "blob"),
                          read_data ? ", " + format_size(result.bytes_read) + " read and verified" : ""));
  output.line(result.ok()
                  ? (read_data ? "no damage: every byte was read" : "no damage found; --read-data reads the data too")
                  : "the repository is damaged");
}

Result<int> check(Context& context, const repo::CheckOptions& options) {
  TRY_ASSIGN(const auto repository, context.open(Access::kExclusive, false));
  const auto progress = [&](uint64_t done, uint64_t total) {
    context.output().progress({.action = "check", .item = "packs", .items = done, .items_total = total});
  };
  TRY_ASSIGN(const auto result, repo::check(*repository, options, progress, repository.cancel));
  print(context.output(), result, options.read_data);
  const auto errors = std::ranges::count_if(
      result.findings, [](const auto& finding) { return finding.severity == repo::Finding::Severity::kError; });
  const int code = result.ok() ? kOk : kFailed;
  context.output().object({{"message_type", "summary"},
                           {"result", result.ok() ? "complete" : "damaged"},
                           {"exit_code", code},
                           {"skipped", nlohmann::ordered_json::array()},
                           {"snapshot_id", nullptr},
                           {"num_errors", errors},
                           {"snapshots", result.snapshots},
                           {"packs", result.packs},
                           {"blobs", result.blobs},
                           {"bytes_read", result.bytes_read}});
  return code;
}

}  // namespace

void add_check(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("check", "look for damage in the repository");
  command->footer("Example:\n  varve check --read-data");
  auto options = std::make_shared<repo::CheckOptions>();
  command->add_flag("--read-data", options->read_data, "read and verify every byte, not only the structure");
  command->callback([&context, options] { context.run = [&context, options] { return check(context, *options); }; });
}

}  // namespace varve::cli
