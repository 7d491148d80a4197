#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "maintenance/stats.h"
#include "repo/select_snapshots.h"

namespace varve::cli {

namespace {

using maintenance::StatsMode;

struct StatsWords {
  std::vector<std::string> snapshots;
  std::string mode = "restore-size";
  SelectionOptions selection;
};

Result<StatsMode> parse_mode(const std::string& name) {
  if (name == "restore-size") return StatsMode::kRestoreSize;
  if (name == "files-by-contents") return StatsMode::kFilesByContents;
  if (name == "blobs-per-file") return StatsMode::kBlobsPerFile;
  if (name == "raw-data") return StatsMode::kRawData;
  return fail(Error(ErrorKind::kInvalidInput, "there is no way of counting '" + name + "'")
                  .hint("restore-size, files-by-contents, blobs-per-file and raw-data are known"));
}

void print_lines(Output& output, const maintenance::Stats& stats, const std::string& mode) {
  const auto line = [&](std::string_view what, const std::string& value) {
    output.line(fmt::format("{:>24}:  {}", what, value));
  };
  output.line("Stats in " + mode + " mode:");
  line("Snapshots processed", fmt::format("{}", stats.snapshots));
  if (stats.blobs > 0) line("Total Blob Count", fmt::format("{}", stats.blobs));
  if (stats.files > 0) line("Total File Count", fmt::format("{}", stats.files));
  if (stats.uncompressed_size > 0) line("Total Uncompressed Size", format_size(stats.uncompressed_size));
  line("Total Size", format_size(stats.size));
  if (const double p = stats.compression_progress(); p > 0) line("Compression Progress", fmt::format("{:.2f}%", p));
  if (const double r = stats.compression_ratio(); r > 0) line("Compression Ratio", fmt::format("{:.2f}x", r));
  if (const double s = stats.compression_space_saving(); s > 0) {
    line("Compression Space Saving", fmt::format("{:.2f}%", s));
  }
}

void print_object(Output& output, const maintenance::Stats& stats) {
  nlohmann::ordered_json object = {{"total_size", stats.size}};
  const auto add = [&](const char* key, auto value) {
    if (value != 0) object[key] = value;
  };
  add("total_uncompressed_size", stats.uncompressed_size);
  add("compression_ratio", stats.compression_ratio());
  add("compression_progress", stats.compression_progress());
  add("compression_space_saving", stats.compression_space_saving());
  add("total_file_count", stats.files);
  add("total_blob_count", stats.blobs);
  object["snapshots_count"] = stats.snapshots;
  output.object(object);
}

Result<int> run_stats(Context& context, const StatsWords& words) {
  TRY_ASSIGN(const auto mode, parse_mode(words.mode));
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(const auto filter, words.selection.filter(words.snapshots));
  TRY_ASSIGN(const auto selected, repo::select_snapshots(*repository, words.snapshots, filter, repository.cancel));
  TRY(repository->load_index(repository.cancel));
  TRY_ASSIGN(const auto stats,
             maintenance::collect_stats(*repository, selected, mode, context.output(), repository.cancel));
  print_lines(context.output(), stats, words.mode);
  print_object(context.output(), stats);
  return kOk;
}

}  // namespace

void add_stats(Command& app, Context& context) {
  auto* command = app.add_subcommand("stats", "count what snapshots hold and what they take");
  command->footer(
      "Examples:\n"
      "  varve stats latest --host shop\n"
      "  varve stats --mode raw-data");
  auto words = std::make_shared<StatsWords>();
  command->add_option("snapshots", words->snapshots, "ids, or latest; without any, all that are selected")
      ->type_name("SNAPSHOT");
  command
      ->add_option("--mode", words->mode,
                   "restore-size (what a restore writes), files-by-contents (the same content once), blobs-per-file "
                   "(their blobs), or raw-data (what is stored)")
      ->type_name("MODE");
  add_selection_options(*command, words->selection);
  command->callback([&context, words] { context.run = [&context, words] { return run_stats(context, *words); }; });
}

}  // namespace varve::cli
