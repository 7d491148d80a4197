#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "collection/manifest.h"
#include "job/document_file.h"
#include "job/tree_builder.h"
#include "repo/saved_snapshots.h"

namespace varve::job {

/// A UUID for a new backup's own identity.
std::string new_backup_id();

/// Makes the snapshot of a source out of what was read, after Writer::drain(): first the collections and the oplog,
/// then save(). Its files lie as docs/specs/snapshot-layout.md says. One thread.
class SnapshotWriter {
 public:
  /// `folder`: of the replica set in the snapshot. `parents`: in each destination the snapshot before of the same
  /// source; from the first one left what did not change takes its times. Everything must outlive it.
  SnapshotWriter(repo::Destinations& to, repo::Writer& writer, std::string source, std::string folder,
                 const std::vector<std::optional<repo::Snapshot>>& parents, Time now);

  struct Collection {
    bson::Namespace ns;
    std::string type;  ///< listCollections'
    std::string uuid;  ///< hex; empty for a view
    bson::View options;
    const std::vector<bson::Document>& indexes;
    const DocumentFile* file = nullptr;  ///< none for a view
  };
  Status add(const Collection& collection);
  /// One whose documents are stored already: `data`, and its key index where it has one. collection.file is not looked
  /// at.
  Status add_stored(const Collection& collection, StoredFile data, std::optional<StoredFile> key_index);
  void add_oplog(StoredFile oplog);

  struct Saved {
    std::vector<repo::SavedSnapshot> snapshots;  ///< in each destination
    Time ended{};
  };
  /// Writes manifest and folders, waits until all is durable and makes the snapshot visible. `tags` are the user's;
  /// `started`: when the reading began.
  Result<Saved> save(const collection::Manifest& manifest, const std::vector<std::string>& tags, Time started,
                     const Clock& clock, const Cancel& cancel);

 private:
  Status add_bytes(std::string_view path, ByteView bytes);
  Status add_metadata(const Collection& collection);
  repo::Snapshot describe(const collection::Manifest& manifest, const std::vector<std::string>& tags) const;

  repo::Destinations& to_;
  repo::Writer& writer_;
  const std::string source_, root_;
  const std::vector<std::optional<repo::Snapshot>>& parents_;
  const Time now_;
  TreeBuilder tree_;
};

}  // namespace varve::job
