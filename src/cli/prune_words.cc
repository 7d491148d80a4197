#include "cli/prune_words.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/format.h"

namespace varve::cli {

namespace {

using maintenance::PruneOptions;
using maintenance::PruneResult;
using maintenance::PruneStats;

nlohmann::ordered_json blobs_json(const PruneStats& stats) {
  const auto& b = stats.blobs;
  return {{"used", b.used},          {"duplicate", b.duplicate},
          {"unused", b.unused},      {"total", b.total},
          {"repack", b.repack},      {"repack_remove", b.repack_remove},
          {"remove", b.remove},      {"remove_total", b.remove_total},
          {"remaining", b.remaining}};
}

nlohmann::ordered_json bytes_json(const PruneStats& stats) {
  const auto& b = stats.bytes;
  return {{"used", b.used},
          {"duplicate", b.duplicate},
          {"unused", b.unused},
          {"unreferenced", b.unreferenced},
          {"uncompressed", b.uncompressed},
          {"total", b.total},
          {"repack", b.repack},
          {"repack_remove", b.repack_remove},
          {"remove", b.remove},
          {"remove_total", b.remove_total},
          {"remaining", b.remaining},
          {"remaining_unused", b.remaining_unused}};
}

nlohmann::ordered_json packs_json(const PruneStats& stats) {
  const auto& p = stats.packs;
  return {{"used", p.used},
          {"unused", p.unused},
          {"partly_used", p.partly_used},
          {"unreferenced", p.unreferenced},
          {"total", p.total},
          {"keep", p.keep},
          {"repack", p.repack},
          {"remove", p.remove},
          {"remove_total", p.remove_total}};
}

void print_object(Output& output, const PruneResult& result, bool dry_run, int code) {
  auto skipped = nlohmann::ordered_json::array();
  for (const auto& why : result.left) skipped.push_back({{"what", "a pack was not removed"}, {"reason", why}});
  auto missing = nlohmann::ordered_json::array();
  for (const Id& id : result.missing_packs) missing.push_back(id.hex());
  output.object({{"message_type", "summary"},
                 {"blobs", blobs_json(result.stats)},
                 {"bytes", bytes_json(result.stats)},
                 {"packfiles", packs_json(result.stats)},
                 {"snapshots", result.snapshots},
                 {"missing_packs", missing},
                 {"dry_run", dry_run},
                 {"result", code == kOk ? "complete" : "incomplete"},
                 {"exit_code", code},
                 {"skipped", skipped},
                 {"snapshot_id", nullptr}});
}

double percent_of(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

void print_text(Output& output, const PruneResult& result, bool dry_run) {
  const auto& [blobs, bytes, packs] = result.stats;
  const auto row = [&](std::string_view what, uint64_t count, uint64_t size, uint64_t pack_count) {
    output.line(fmt::format("{:<16} {:>12} blobs  {:>11}  {:>9} packs", what, format_count(count), format_size(size),
                            format_count(pack_count)));
  };
  row("found", blobs.total, bytes.total, packs.total);
  row("  in use", blobs.used, bytes.used, packs.used + packs.partly_used);
  row("  not in use", blobs.unused + blobs.duplicate, bytes.unused + bytes.duplicate + bytes.unreferenced,
      packs.unused + packs.unreferenced);
  row(dry_run ? "would repack" : "repacked", blobs.repack, bytes.repack, packs.repack);
  row(dry_run ? "would remove" : "removed", blobs.remove_total, bytes.remove_total, packs.remove_total + packs.repack);
  output.line(fmt::format("{} {} for {}, {} of it not in use ({:.1f}%)", dry_run ? "would leave" : "left",
                          format_size(bytes.remaining), plural(result.snapshots, "snapshot"),
                          format_size(bytes.remaining_unused), percent_of(bytes.remaining_unused, bytes.remaining)));
  if (bytes.uncompressed > 0) {
    output.line(format_size(bytes.uncompressed) +
                " lie in packs that hold data which is not compressed; --repack-uncompressed compresses it");
  }
}

void tell_of_versions(Output& output, repo::Repository& repository) {
  if (!repository.storage().keeps_removed()) return;
  output.note(
      "the storage keeps older versions: what was removed takes up space there until a rule of its own (a lifecycle "
      "rule, once any retention has ended) removes it for good");
}

}  // namespace

void add_prune_options(Command& command, PruneWords& words) {
  command.add_option("--max-unused", words.max_unused, "unused data that may stay: 5%, 200M or unlimited")
      ->type_name("LIMIT")
      ->capture_default_str();
  command
      .add_option("--max-repack-size", words.max_repack_size,
                  "repack packs of so much data at most (10G); 0 only removes packs of which nothing is used")
      ->type_name("SIZE");
  command.add_flag("--repack-cacheable-only", words.cacheable_only, "repack only packs that hold trees");
  command.add_flag("--repack-small", words.repack_small, "join packs below four fifths of the usual size");
  command.add_option("--repack-smaller-than", words.smaller_than, "join packs below this size (8M)")->type_name("SIZE");
  command.add_flag("--repack-uncompressed", words.uncompressed, "compress what is not compressed yet");
  add_writer_options(command, words.writer);
}

Result<maintenance::PruneOptions> prune_options(const PruneWords& words) {
  PruneOptions options;
  TRY_ASSIGN(options.max_unused, maintenance::parse_max_unused(words.max_unused));
  if (!words.max_repack_size.empty()) {
    TRY_ASSIGN(options.max_repack_size, size_option("--max-repack-size", words.max_repack_size));
  }
  TRY_ASSIGN(options.writer, writer_options(words.writer));
  if (words.repack_small) options.small_pack = options.writer.pack_size * 4 / 5;
  if (!words.smaller_than.empty()) {
    TRY_ASSIGN(options.small_pack, size_option("--repack-smaller-than", words.smaller_than));
    if (options.small_pack == 0 || options.small_pack > options.writer.pack_size) {
      return fail(ErrorKind::kInvalidInput, "--repack-smaller-than must be above zero and at most " +
                                                format_size(options.writer.pack_size) + ", the size of new packs");
    }
  }
  options.repack_cacheable_only = words.cacheable_only;
  options.repack_uncompressed = words.uncompressed;
  if (words.uncompressed && options.writer.compression == codec::Compression::kOff) {
    return fail(ErrorKind::kInvalidInput, "--repack-uncompressed and --compression off contradict each other");
  }
  return options;
}

Result<OpenRepository> open_to_remove(Context& context, bool dry_run) {
  if (context.global.no_lock && !dry_run) {
    return fail(Error(ErrorKind::kInvalidInput, "what removes things needs the lock")
                    .hint("--no-lock can be given together with --dry-run"));
  }
  return context.open_early(context.global.no_lock ? Access::kNoLock : Access::kExclusive);
}

Result<int> prune(Context& context, const OpenRepository& repository, const PruneOptions& options) {
  Output& output = context.output();
  if (options.repack_uncompressed && repository->config().version == 1) {
    return fail(ErrorKind::kInvalidInput, "a repository of format 1 cannot hold compressed data");
  }
  TRY_ASSIGN(const auto result, maintenance::prune(*repository, options, output, repository.cancel));
  TRY(repository.settle());
  for (const Id& id : result.missing_packs) {
    output.warning("pack " + id.short_hex() + " was in the index but not in the repository; nothing needs it");
  }
  for (const auto& why : result.left) output.warning("cannot remove a pack that nobody needs: " + why);
  print_text(output, result, options.dry_run);
  tell_of_versions(output, *repository);
  const int code = repository.release(output, result.left.empty() ? kOk : kIncomplete);
  print_object(output, result, options.dry_run, code);
  return code;
}

}  // namespace varve::cli
