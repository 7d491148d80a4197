#pragma once

#include <optional>
#include <set>

#include "collection/manifest.h"
#include "job/import_catalog.h"

namespace varve::job {

/// The oplog of a dump: what happened while it was made, from `mongodump --oplog` or an export. One thread.
class ImportOplog {
 public:
  /// Entries that count go into `file`. UUIDs that the oplog tells and the dump does not go into the catalog.
  ImportOplog(const bson::NamespaceFilter& filter, ImportCatalog& catalog, DocumentFile& file);

  /// The next entry. kCorrupt if it is none, or of an earlier time than the one before; kUnsupported for an operation
  /// that is not understood.
  Status take(ByteView entry);

  /// Whether there was any entry, so that the dump can be brought to the time of the last.
  bool has_moment() const { return first_.has_value(); }
  /// Writes what it found into the manifest.
  void account(collection::Manifest& manifest) const;
  /// Why the moment cannot wholly be reached.
  std::vector<std::string> shortfalls() const;
  bool renames(const std::string& uuid_hex) const;

 private:
  Status look_at(const bson::OplogEntry& op);
  void look_at_command(const bson::OplogEntry& op);
  void learn_uuid(const bson::OplogEntry& op);

  ImportCatalog& catalog_;
  OplogFilter filter_;
  const bson::NamespaceFilter& names_;
  DocumentFile& file_;
  std::optional<bson::Timestamp> first_;
  bson::Timestamp last_;
  uint64_t entries_ = 0;
  Bytes scratch_;
  // By UUID, or by name where there is none:
  std::set<std::string> known_;                // from the dump, or made since
  std::map<std::string, std::string> unseen_;  // changed but not known, with their names
  std::set<std::string> reshaped_;             // names of time-series
};

}  // namespace varve::job
