#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "job/backup_reader.h"
#include "job/version_rules.h"

namespace varve::cli {

namespace {

using collection::Manifest;

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

void print_collection(Output& output, const collection::CollectionEntry& c) {
  auto line = fmt::format("  {:<40} {:<10}", c.ns.text(), c.type);
  if (c.type == "collection") {
    line += fmt::format(" {:>14} docs  {:>10}", format_count(c.as_read.documents), format_size(c.as_read.bytes));
  }
  if (c.indexes.size() > 1) line += "  " + plural(c.indexes.size(), "index");
  if (!c.note.empty()) line += "  (" + c.note + ")";
  output.line(line);
  for (const auto& name : c.unfinished_indexes)
    output.line(fmt::format("    index {} was still being built: not in it", name));
}

void print(Output& output, const repo::Snapshot& snapshot, const Manifest& m) {
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
  output.line(plural(m.collections.size(), "namespace") + ":");
  for (const auto& c : m.collections) print_collection(output, c);
  if (!m.skipped.empty()) output.line("left out:");
  for (const auto& skipped : m.skipped) output.line(fmt::format("  {}: {}", skipped.what, skipped.reason));
}

Result<int> show(Context& context, const SnapshotOptions& options) {
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(const auto snapshot, find_snapshot(repository, options));
  TRY_ASSIGN(const auto backup, job::BackupReader::open(*repository, snapshot, repository.cancel));
  if (context.output().json()) {
    nlohmann::ordered_json summary = {{"message_type", "summary"},
                                      {"result", "complete"},
                                      {"exit_code", kOk},
                                      {"skipped", nlohmann::ordered_json::array()},
                                      {"snapshot_id", snapshot.id.hex()}};
    summary["manifest"] = nlohmann::ordered_json::parse(collection::encode_manifest(backup.manifest()), nullptr, false);
    context.output().object(summary);
  }
  print(context.output(), snapshot, backup.manifest());
  return kOk;
}

}  // namespace

void add_show(Command& app, Context& context) {
  auto* command = app.add_subcommand("show", "what a backup holds, how it was read, and what is not in it");
  command->footer("Example:\n  varve show latest --source shop");
  auto options = std::make_shared<SnapshotOptions>();
  add_snapshot_options(*command, *options);
  command->callback([&context, options] { context.run = [&context, options] { return show(context, *options); }; });
}

}  // namespace varve::cli
