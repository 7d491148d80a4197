#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "bson/json.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/merge_words.h"
#include "cli/point_in_time.h"
#include "job/backup_moment.h"
#include "job/version_rules.h"

namespace varve::cli {

namespace {

using collection::Manifest;

struct ShowWords {
  SnapshotOptions snapshot;
  AtWords at;
  MergeWords memory;
};

std::string consistency(const Manifest& m) {
  if (m.consistency == "quiet") return "consistent: nothing was written while it was read";
  if (m.consistency == "locked") return "consistent: the server was locked while it was read";
  if (m.consistency == "imported")
    return "unknown: of a dump without an oplog, so nobody knows whether its collections are of one moment";
  if (m.consistency == "inconsistent")
    return "NOT consistent: a standalone server that was, or may have been, written to while it was read";
  if (m.consistency == "one-time" && m.oplog_changes == 0) return "consistent: all documents as of one time";
  if (m.oplog_changes == 0) return "consistent: nothing in scope changed while it was read";
  return fmt::format("consistent with its oplog: {} came in while it was read", plural(m.oplog_changes, "operation"));
}

std::string made_on(const Manifest& m) {
  if (m.imported()) return " (imported)";
  return m.set_name.empty() ? " (standalone)" : "/" + m.set_name;
}

std::string server(const Manifest& m) {
  const auto version = job::server_name(m.server_version);
  if (m.imported()) return version + ", imported from " + m.imported_from;
  const auto fcv = m.fcv.empty() ? "" : fmt::format(" (feature compatibility {})", m.fcv);
  return fmt::format("{}{}, read from {} ({})", version, fcv, m.member, m.member_role);
}

/// `counted`: its documents are those that were read.
void print_collection(Output& output, const collection::CollectionEntry& c, bool counted = true) {
  auto line = fmt::format("  {:<40} {:<10}", c.ns.text(), c.type);
  if (!counted) {
    line += fmt::format(" {:>31}", "changed since the backup");
  } else if (c.type == "collection") {
    line += fmt::format(" {:>14} docs  {:>10}", format_count(c.as_read.documents), format_size(c.as_read.bytes));
  }
  if (c.indexes.size() > 1) line += "  " + plural(c.indexes.size(), "index");
  if (!c.note.empty()) line += "  (" + c.note + ")";
  output.line(line);
  for (const auto& name : c.unfinished_indexes)
    output.line(fmt::format("    index {} was still being built: not in it", name));
}

void print_head(Output& output, const repo::Snapshot& snapshot, const Manifest& m) {
  output.line(fmt::format("snapshot   {}", snapshot.id.hex()));
  output.line(fmt::format("source     {}{}", m.source, made_on(m)));
  output.line(fmt::format("made       {} by {}", format_utc(snapshot.time), m.varve_version));
  output.line(fmt::format("server     {}", server(m)));
  for (const auto& change : m.member_changes) output.line(fmt::format("           {}", change));
  if (m.t1 != bson::Timestamp{})
    output.line(fmt::format("moment     {} (documents read from {} on)", m.t1.text(), m.t0.text()));
  output.line(fmt::format("state      {}", consistency(m)));
  for (const auto& reason : m.needs_varve) output.line(fmt::format("needs varve: {}", reason));
  for (const auto& pattern : m.includes) output.line(fmt::format("included   {}", pattern));
  for (const auto& pattern : m.excludes) output.line(fmt::format("excluded   {}", pattern));
}

void print_skipped(Output& output, const Manifest& m) {
  if (!m.skipped.empty()) output.line("left out:");
  for (const auto& skipped : m.skipped) output.line(fmt::format("  {}: {}", skipped.what, skipped.reason));
}

using Json = nlohmann::ordered_json;

Json summary(const repo::Snapshot& snapshot, const Manifest& manifest, const std::vector<std::string>& missing) {
  return {{"message_type", "summary"},
          {"result", missing.empty() ? "complete" : "incomplete"},
          {"exit_code", missing.empty() ? kOk : kIncomplete},
          {"skipped", missing},
          {"snapshot_id", snapshot.id.hex()},
          {"manifest", Json::parse(collection::encode_manifest(manifest), nullptr, false)}};
}

Json parsed(bson::View document) {
  return Json::parse(bson::to_json(document, bson::JsonMode::kCanonical), nullptr, false);
}

/// A time-series' documents are those of its buckets.
bool documents_changed(const job::BackupMoment& moment, const moment::MomentCollection& collection) {
  if (collection.entry.type != "timeseries") return !collection.untouched;
  const auto& all = moment.collections();
  const auto buckets = std::ranges::find(
      all, bson::buckets_of(collection.entry.ns), [](const auto& other) -> const auto& { return other.entry.ns; });
  return buckets != all.end() && !buckets->untouched;
}

Json collection_json(const job::BackupMoment& moment, const moment::MomentCollection& collection) {
  auto indexes = Json::array();
  for (const auto& index : collection.entry.indexes) indexes.push_back(parsed(index.view()));
  return {{"db", collection.entry.ns.db},  {"collection", collection.entry.ns.collection},
          {"type", collection.entry.type}, {"options", parsed(collection.entry.options.view())},
          {"indexes", std::move(indexes)}, {"documents_changed", documents_changed(moment, collection)}};
}

/// The collections as of a later moment than the backup's.
Result<int> show_moment(Output& output, const repo::Snapshot& snapshot, const job::BackupReader& backup,
                        const job::MergeOptions& merge, const Cancel& cancel) {
  TRY_ASSIGN(const auto moment, job::BackupMoment::open(backup, {}, merge, cancel));
  auto collections = Json::array();
  print_head(output, snapshot, backup.manifest());
  output.line("as of      " + job::moment_text(merge.later->until));
  output.line(plural(moment->collections().size(), "namespace") + ":");
  for (const auto& collection : moment->collections()) {
    print_collection(output, collection.entry, !documents_changed(*moment, collection));
    collections.push_back(collection_json(*moment, collection));
  }
  print_skipped(output, backup.manifest());
  for (const auto& missing : moment->missing()) output.line("  incomplete: " + missing);
  auto object = summary(snapshot, backup.manifest(), moment->missing());
  object["moment"] = merge.later->until.text();
  object["collections"] = std::move(collections);
  output.object(object);
  return moment->missing().empty() ? kOk : kIncomplete;
}

Result<int> show(Context& context, const ShowWords& words) {
  TRY_ASSIGN(auto merge, merge_options(words.memory));
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  auto& output = context.output();
  TRY_ASSIGN(const auto wanted, find_wanted(repository, words.snapshot, words.at, merge, output));
  const auto& snapshot = wanted.snapshot;
  TRY_ASSIGN(const auto backup, job::BackupReader::open(*repository, snapshot, repository.cancel));
  merge.later = wanted.later;
  if (wanted.later) return show_moment(output, snapshot, backup, merge, repository.cancel);
  output.object(summary(snapshot, backup.manifest(), {}));
  print_head(output, snapshot, backup.manifest());
  output.line(plural(backup.manifest().collections.size(), "namespace") + ":");
  for (const auto& c : backup.manifest().collections) print_collection(output, c);
  print_skipped(output, backup.manifest());
  return kOk;
}

}  // namespace

void add_show(Command& app, Context& context) {
  auto* command = app.add_subcommand("show", "what a backup holds, how it was read, and what is not in it");
  command->footer(
      "Examples:\n"
      "  varve show latest --source shop\n"
      "  varve show --source shop --at '2026-11-28 10:00'");
  auto words = std::make_shared<ShowWords>();
  add_snapshot_options(*command, words->snapshot, false);
  add_at_option(*command, words->at);
  add_merge_options(*command, words->memory);
  command->callback([&context, words] { context.run = [&context, words] { return show(context, *words); }; });
}

}  // namespace varve::cli
