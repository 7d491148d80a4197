#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bson/namespace.h"
#include "job/backup_moment.h"
#include "job/oplog_archive.h"

namespace varve::job {

/// What an oplog entry does, in the words that users give and get: "drop", "delete".
struct Deed {
  std::string name;
  bool of_documents = false;  ///< counted by the minute; the others are told one by one
};
/// All that are known, in the order in which they are told of.
const std::vector<Deed>& all_deeds();

struct HistoryOptions {
  bson::NamespaceFilter filter{};          ///< of the names that collections had then
  std::optional<bson::Timestamp> since{};  ///< at or after it; else from the beginning of the archive
  std::optional<bson::Timestamp> until{};  ///< at or before it; else to its end
  std::set<std::string> deeds{};           ///< names; empty: all
  MergeOptions memory{};                   ///< for the parts of open transactions
};

/// Something that happened: one change of the catalog, or what was done to a collection's documents in a minute.
struct HistoryEvent {
  bson::Timestamp at;  ///< when it took effect; of several the first
  std::string deed;
  bson::Namespace ns;  ///< collection empty: the whole database
  std::string detail;  ///< "to shop.old", names of indexes; may be empty
  uint64_t count = 1;  ///< documents
  /// When it began: a database's drop is told after those of its collections.
  std::optional<bson::Timestamp> begun{};

  /// The last moment before it, for --at.
  bson::Timestamp before() const;
};

struct HistoryResult {
  uint64_t slices = 0, slices_read = 0, bytes_read = 0;
  bson::Timestamp from, to;  ///< of the archive's slices that were gone through
  /// What is not known of the time that was asked for: gaps, and what could not be made sense of; some of it, if there
  /// is much.
  std::vector<std::string> remarks;
};

/// Tells what happened, in the order in which it took effect (RULES 9): documents when their minute is over. Slices in
/// which nothing of it happened are not read. Ends when `visit` gives an error, and returns it.
Result<HistoryResult> history(const OplogArchive& archive, const HistoryOptions& options,
                              const std::function<Status(const HistoryEvent&)>& visit, const Cancel& cancel);

}  // namespace varve::job
