#include "cli/backup_result.h"

#include <fmt/format.h>

#include "cli/context.h"
#include "cli/format.h"
#include "job/layout.h"

namespace varve::cli {

namespace {

uint64_t visible_collections(const collection::Manifest& manifest) {
  uint64_t count = 0;
  for (const auto& entry : manifest.collections)
    count += entry.ns == bson::logical(entry.ns) && !job::is_of_the_server(entry.ns);
  return count;
}

nlohmann::ordered_json skipped_json(const collection::Manifest& manifest) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& skipped : manifest.skipped) {
    if (skipped.counts) list.push_back({{"what", skipped.what}, {"reason", skipped.reason}});
  }
  return list;
}

}  // namespace

Status check_tags(const std::vector<std::string>& tags) {
  for (const auto& tag : tags) {
    if (tag.empty() || tag.find(',') != std::string::npos) {
      return fail(ErrorKind::kInvalidInput, "the tag '" + tag + "' is empty or holds a comma");
    }
  }
  return {};
}

Status check_source(const std::string& source) {
  if (source == "." || source == ".." || source.find('/') != std::string::npos ||
      source.find('\0') != std::string::npos) {
    return fail(ErrorKind::kInvalidInput,
                "'" + source + "' cannot be the name of a source; a plain name without '/' can");
  }
  return {};
}

void print_details(Output& output, const job::BackupResult& result) {
  const auto& m = result.manifest;
  output.line(fmt::format("  {}, {}, {} read, {} new, {} stored, {}", plural(visible_collections(m), "collection"),
                          plural(result.documents, "document"), format_size(result.bytes),
                          format_size(result.stored.plain_bytes_new), format_size(result.stored.packed_bytes),
                          format_duration(result.ended - result.started)));
  for (const auto& remark : result.remarks) output.line("  note: " + remark);
  for (const auto& reason : m.needs_varve) output.line("  stock tools cannot reach this moment: " + reason);
  for (const auto& shortfall : result.shortfalls) output.line("  incomplete: " + shortfall);
}

nlohmann::ordered_json begin_summary(const job::BackupResult& result, int code) {
  return {{"message_type", "summary"},
          {"result", code == kOk ? "complete" : "incomplete"},
          {"exit_code", code},
          {"skipped", skipped_json(result.manifest)},
          {"shortfalls", result.shortfalls},
          {"remarks", result.remarks},
          {"snapshot_id", result.snapshot.hex()},
          {"source", result.manifest.source}};
}

void end_summary(const job::BackupResult& result, nlohmann::ordered_json& summary) {
  const auto& m = result.manifest;
  const std::chrono::duration<double> took = result.ended - result.started;
  const bool has_moment = m.t1 != bson::Timestamp{};
  summary["consistency"] = m.consistency;
  summary["moment"] = has_moment ? nlohmann::ordered_json(m.t1.text()) : nlohmann::ordered_json();
  summary["oplog_operations"] = m.oplog_changes;
  summary["needs_varve"] = m.needs_varve;
  summary["collections"] = visible_collections(m);
  summary["documents"] = result.documents;
  summary["bytes"] = result.bytes;
  summary["data_blobs"] = result.stored.data_blobs_new;
  summary["tree_blobs"] = result.stored.tree_blobs_new;
  summary["data_added"] = result.stored.plain_bytes_new;
  summary["data_added_packed"] = result.stored.packed_bytes;
  summary["total_bytes_processed"] = result.bytes;
  summary["backup_start"] = format_rfc3339(result.started);
  summary["backup_end"] = format_rfc3339(result.ended);
  summary["total_duration"] = took.count();
}

}  // namespace varve::cli
