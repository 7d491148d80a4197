#include <filesystem>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "maintenance/repair_index.h"
#include "maintenance/repair_packs.h"
#include "repo/index.h"
#include "repo/unpacked.h"
#include "storage/atomic_file.h"

namespace varve::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxShown = 20;

Json summary(int code, Json skipped) {
  return {{"message_type", "summary"},
          {"result", code == kOk ? "complete" : "incomplete"},
          {"exit_code", code},
          {"skipped", std::move(skipped)},
          {"snapshot_id", nullptr}};
}

// repair index

void print_list(Output& output, const std::vector<Id>& ids, const std::string& noun, std::string_view what) {
  if (ids.empty()) return;
  output.line(fmt::format("{} {}:", plural(ids.size(), noun), what));
  for (size_t i = 0; i < ids.size() && i < kMaxShown; ++i) output.line("  " + ids[i].hex());
  if (ids.size() > kMaxShown) output.line(fmt::format("  and {} more", ids.size() - kMaxShown));
}

Result<int> repair_index(Context& context, const maintenance::RepairIndexOptions& options) {
  TRY_ASSIGN(const auto repository, context.open(Access::kExclusive));
  auto& output = context.output();
  TRY_ASSIGN(const auto result, maintenance::repair_index(*repository, options, output, repository.cancel));
  print_list(output, result.broken_files, "index file", "removed that could not be read");
  print_list(output, result.missing_packs, "pack", "taken out of the index, since missing");
  print_list(output, result.added_packs, "pack", "brought into the index");
  print_list(output, result.corrected_packs, "pack", "indexed anew, as the header says");
  print_list(output, result.unusable_packs, "pack",
             "of no index without a readable header; `varve prune` removes such");
  print_list(output, result.damaged_packs, "pack", "damaged; `varve repair packs ID` saves what can be read");
  output.line(result.changed() ? fmt::format("{} written, {} removed", plural(result.files_written, "index file"),
                                             result.files_removed)
                               : "the index is as the packs are: nothing was changed");
  if (!result.missing_packs.empty()) {
    output.line(
        "`varve check` tells which snapshots miss something; `varve repair snapshots` makes them anew without it");
  }
  auto skipped = Json::array();
  for (const Id& pack : result.damaged_packs) {
    skipped.push_back({{"what", "pack " + pack.hex()}, {"reason", "its header cannot be read"}});
  }
  for (const Id& pack : result.missing_packs) {
    skipped.push_back({{"what", "pack " + pack.hex()}, {"reason", "it is missing"}});
  }
  const int code = repository.release(output, skipped.empty() ? kOk : kIncomplete);
  Json object = summary(code, std::move(skipped));
  object.update({{"broken_index_files", hex_of(result.broken_files)},
                 {"missing_packs", hex_of(result.missing_packs)},
                 {"added_packs", hex_of(result.added_packs)},
                 {"corrected_packs", hex_of(result.corrected_packs)},
                 {"damaged_packs", hex_of(result.damaged_packs)},
                 {"unusable_packs", hex_of(result.unusable_packs)},
                 {"index_files_written", result.files_written},
                 {"index_files_removed", result.files_removed}});
  output.object(object);
  return code;
}

// repair packs

/// A full id may be that of a pack which is in the index only.
Result<Id> find_pack(const OpenRepository& repository, const std::string& name) {
  if (const auto id = Id::parse(name)) return *id;
  return repo::find_file(repository->storage(), storage::FileType::kPack, name, repository.cancel);
}

/// The pack as it was, in the present folder; one that lies there from an earlier run serves.
Status keep_copy(const Id& pack, ByteView bytes, const Cancel& cancel) {
  const std::string name = "pack-" + pack.hex();
  const ByteView pieces[] = {bytes};
  auto written = storage::write_new_file(name, pieces, cancel);
  if (written) return {};
  if (written.error().kind() == ErrorKind::kExists && std::filesystem::file_size(name) == bytes.size()) return {};
  return fail(std::move(written)
                  .error()
                  .within("cannot keep a copy of pack " + pack.short_hex() + " in this folder, so it stays")
                  .hint("change to a folder where there is room for it"));
}

/// What nothing holds any more.
void add_losses(const maintenance::SalvagedPack& pack, Json& skipped) {
  const std::string name = "pack " + pack.pack.hex();
  for (const auto& loss : pack.losses) skipped.push_back({{"what", name}, {"reason", "lost " + loss}});
  if (pack.lost > pack.losses.size()) {
    skipped.push_back({{"what", name}, {"reason", fmt::format("lost {} more", pack.lost - pack.losses.size())}});
  }
}

void print(Output& output, const maintenance::SalvagedPack& pack) {
  output.line(fmt::format("pack {}: {}{} saved, {} lost", pack.pack.hex(), pack.was_missing ? "missing, " : "",
                          plural(pack.salvaged, "blob"), pack.lost));
  for (const auto& loss : pack.losses) output.line("  lost: " + loss);
  if (pack.lost > pack.losses.size()) output.line(fmt::format("  and {} more", pack.lost - pack.losses.size()));
}

Result<int> repair_packs(Context& context, const std::vector<std::string>& names) {
  TRY_ASSIGN(const auto repository, context.open(Access::kExclusive));
  TRY(repository->load_index(repository.cancel));
  auto& output = context.output();
  std::vector<Id> ids;
  for (const auto& name : names) {
    TRY_ASSIGN(const Id id, find_pack(repository, name));
    ids.push_back(id);
  }
  output.note("copies of the packs are kept in this folder");
  const auto copy = [&](const Id& pack, ByteView bytes) { return keep_copy(pack, bytes, repository.cancel); };
  TRY_ASSIGN(const auto result, maintenance::repair_packs(*repository, ids, copy, output, repository.cancel));
  Json list = Json::array();
  Json skipped = Json::array();
  uint64_t lost = 0;
  for (const auto& pack : result.packs) {
    print(output, pack);
    add_losses(pack, skipped);
    lost += pack.lost;
    list.push_back({{"pack", pack.pack.hex()},
                    {"was_missing", pack.was_missing},
                    {"blobs_saved", pack.salvaged},
                    {"blobs_lost", pack.lost},
                    {"losses", pack.losses}});
  }
  if (lost > 0) {
    output.line(
        "a new backup stores again what its source still has; `varve repair snapshots` makes snapshots without "
        "what is lost");
  }
  const int code = repository.release(output, lost == 0 ? kOk : kIncomplete);
  Json object = summary(code, std::move(skipped));
  object.update({{"packs", std::move(list)},
                 {"blobs_lost", lost},
                 {"index_files_written", result.files_written},
                 {"index_files_removed", result.files_removed}});
  output.object(object);
  return code;
}

void add_repair_index(Command& repair, Context& context) {
  auto* command = repair.add_subcommand("index", "make the index say what the packs hold");
  command->footer("Example:\n  varve repair index");
  auto options = std::make_shared<maintenance::RepairIndexOptions>();
  command->add_flag("--read-all-packs", options->read_all_packs,
                    "read every pack's header, not only where the index and a pack's size disagree");
  command->callback(
      [&context, options] { context.run = [&context, options] { return repair_index(context, *options); }; });
}

void add_repair_packs(Command& repair, Context& context) {
  auto* command = repair.add_subcommand("packs", "save what can be read of damaged packs, and remove them");
  command->footer("Example:\n  varve repair packs 6a3f5d0c");
  auto names = std::make_shared<std::vector<std::string>>();
  command->add_option("pack", *names, "ids, or beginnings of ids, as `varve check --read-data` names them")
      ->required()
      ->type_name("PACK");
  command->callback([&context, names] { context.run = [&context, names] { return repair_packs(context, *names); }; });
}

}  // namespace

void add_repair(Command& app, Context& context) {
  auto* command = app.add_subcommand("repair", "repair a damaged repository");
  command->footer(
      "Example:\n  varve check --read-data        names what is damaged, and which of these helps\n"
      "  varve repair index\n  varve repair packs 6a3f5d0c\n  varve repair snapshots --forget");
  command->require_subcommand(1);
  add_repair_index(*command, context);
  add_repair_packs(*command, context);
  add_repair_snapshots(*command, context);
}

}  // namespace varve::cli
