#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "job/restorable.h"

namespace varve::cli {

namespace {

using job::Restorable;

std::string in_words(const job::NoBase& none) {
  return fmt::format("snapshot {}: {}", none.snapshot.id.short_hex(), none.why);
}

void print(Output& output, const std::string& source, const Restorable& found, Time now) {
  const auto ranges = found.ranges();
  const auto oplog = found.spans.empty()       ? "no oplog"
                     : found.spans.size() == 1 ? "oplog without a gap"
                                               : "oplog with " + plural(found.spans.size() - 1, "gap");
  output.line(fmt::format("{}: {} to start from, {}", source, plural(found.bases.size(), "backup"), oplog));
  for (const auto& range : ranges) {
    output.line(range.from == range.to
                    ? fmt::format("  only       {}", job::moment_text(range.from))
                    : fmt::format("  any second {} to {}", job::moment_text(range.from), job::moment_text(range.to)));
  }
  if (ranges.empty()) output.line("  nothing can be brought back: there is no backup of a replica set");
  for (size_t i = 1; i < found.spans.size(); ++i) {
    output.line(fmt::format("gap        {} to {}: {}", job::moment_text(found.spans[i - 1].to),
                            job::moment_text(found.spans[i].from), found.spans[i].gap));
  }
  for (const auto& base : found.bases) {
    if (base.partial.empty()) continue;
    output.line(fmt::format("partial    snapshot {}: {}", base.snapshot.id.short_hex(), base.partial));
  }
  for (const auto& none : found.unusable) output.line("no base    " + in_words(none));
  if (found.newest) {
    const auto& newest = *found.newest;
    output.line(fmt::format("newest     {}, {} ago, by process {} on {} from {}", format_utc(newest.wall),
                            format_duration(std::max(now - newest.wall, Time::duration::zero())), newest.process,
                            newest.host, newest.member));
  } else {
    output.line("newest     there is no archive of its oplog: `varve archive` makes one");
  }
}

nlohmann::ordered_json summary(const std::string& source, const Restorable& found, Time now) {
  auto ranges = nlohmann::ordered_json::array();
  for (const auto& range : found.ranges()) ranges.push_back({{"from", range.from.text()}, {"to", range.to.text()}});
  auto bases = nlohmann::ordered_json::array();
  for (const auto& base : found.bases) {
    bases.push_back(
        {{"snapshot_id", base.snapshot.id.hex()},
         {"moment", base.moment.text()},
         {"consistency", base.consistency},
         {"partial", base.partial.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(base.partial)}});
  }
  auto spans = nlohmann::ordered_json::array();
  auto gaps = nlohmann::ordered_json::array();
  for (size_t i = 0; i < found.spans.size(); ++i) {
    spans.push_back({{"from", found.spans[i].from.text()}, {"to", found.spans[i].to.text()}});
    if (i == 0) continue;
    gaps.push_back(
        {{"from", found.spans[i - 1].to.text()}, {"to", found.spans[i].from.text()}, {"reason", found.spans[i].gap}});
  }
  auto skipped = nlohmann::ordered_json::array();
  for (const auto& none : found.unusable) skipped.push_back(in_words(none));
  nlohmann::ordered_json rpo;
  if (found.newest) rpo = static_cast<double>((now - found.newest->wall).count()) / 1e9;
  return {{"message_type", "summary"},
          {"result", found.bases.empty() ? "incomplete" : "complete"},
          {"exit_code", found.bases.empty() ? kIncomplete : kOk},
          {"skipped", std::move(skipped)},
          {"snapshot_id", nullptr},
          {"source", source},
          {"restorable", std::move(ranges)},
          {"bases", std::move(bases)},
          {"oplog", std::move(spans)},
          {"gaps", std::move(gaps)},
          {"newest", found.newest ? nlohmann::ordered_json(format_rfc3339(found.newest->wall)) : nullptr},
          {"rpo_seconds", std::move(rpo)}};
}

Result<int> run_window(Context& context, const std::string& source) {
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(const auto found, job::find_restorable(*repository, source, repository.cancel));
  if (found.bases.empty() && !found.archive && found.unusable.empty()) {
    return fail(Error(ErrorKind::kNotFound, fmt::format("there is neither a backup nor an archive of '{}'", source))
                    .hint("`varve snapshots` shows what there is: a source is the host of its snapshots"));
  }
  const auto now = system_clock().now();
  print(context.output(), source, found, now);
  context.output().object(summary(source, found, now));
  return found.bases.empty() ? kIncomplete : kOk;
}

}  // namespace

void add_window(Command& app, Context& context) {
  auto* command = app.add_subcommand("window", "to which moments a source can be brought back, and what is missing");
  command->footer("Example:\n  varve window --source shop");
  auto source = std::make_shared<std::string>();
  command->add_option("--source", *source, "the name of the source")->required()->type_name("NAME");
  command->callback([&context, source] { context.run = [&context, source] { return run_window(context, *source); }; });
}

}  // namespace varve::cli
