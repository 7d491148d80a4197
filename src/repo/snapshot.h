#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace varve::repo {

/// restic's counters of one backup, by the names that they have in a snapshot file.
struct SnapshotSummary {
  Time backup_start{}, backup_end{};
  std::string backup_start_text, backup_end_text;  ///< as they stood in the file, with their zone; empty for new ones
  uint64_t files_new = 0, files_changed = 0, files_unmodified = 0;
  uint64_t dirs_new = 0, dirs_changed = 0, dirs_unmodified = 0;
  uint64_t data_blobs = 0, tree_blobs = 0;
  uint64_t data_added = 0;         ///< plain bytes of new blobs
  uint64_t data_added_packed = 0;  ///< what they take in packs
  uint64_t total_files_processed = 0, total_bytes_processed = 0;
};

/// A snapshot file. `id` is the storage name, empty (null) before it is saved.
struct Snapshot {
  Id id;
  Time time{};
  std::string time_text;  ///< as it stood in the file, with its zone; empty for a new one
  std::optional<Id> parent;
  Id tree;
  std::vector<std::string> paths;
  std::string hostname, username;
  uint32_t uid = 0, gid = 0;
  std::vector<std::string> excludes;
  std::vector<std::string> tags;
  std::optional<Id> original;
  std::string program_version;
  std::optional<SnapshotSummary> summary;

  bool has_tag(std::string_view tag) const;
};

/// The JSON exactly as restic's encoder orders and omits fields.
std::string encode_snapshot(const Snapshot& snapshot);
/// Lenient as restic is. kCorrupt too for lists of so many short texts that only malice writes them.
Result<Snapshot> decode_snapshot(std::string_view json, const Id& id);

}  // namespace varve::repo
