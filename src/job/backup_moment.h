#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "job/backup_reader.h"
#include "job/oplog_archive.h"
#include "job/oplog_filter.h"
#include "moment/moment.h"

namespace varve::job {

/// What of the oplog archive brings a backup to a later moment.
struct LaterOplog {
  bson::Timestamp until;                ///< the moment, inclusive
  std::optional<OplogArchive> archive;  ///< none where the backup is at that moment
  uint64_t bytes = 0, slices = 0;       ///< that are read of it, or a little more
};

/// How a backup is brought to its moment.
struct MergeOptions {
  /// What the operations of the window may take in memory.
  uint64_t memory = 256u << 20;
  /// Where more goes, encrypted, into a file without a name. Empty: nowhere, and more is an error.
  std::string spill_folder;
  /// To a later moment than that at which it was read. Empty: to that.
  std::shared_ptr<const LaterOplog> later{};
};

/// The collections of a backup at a moment: what was read merged with the operations of the window, and with those of
/// the archive where a later moment is wanted. The reader must outlive it.
class BackupMoment {
 public:
  /// Reads the window's oplog, and the archive's. The filter counts for the names at the moment. kCorrupt if the oplog
  /// is not what the manifest describes, kInvalidInput if the operations fit neither into memory nor into the spill
  /// folder.
  static Result<std::unique_ptr<BackupMoment>> open(const BackupReader& backup, bson::NamespaceFilter filter,
                                                    const MergeOptions& options, const Cancel& cancel);

  /// Sorted by name.
  const std::vector<moment::MomentCollection>& collections() const { return moment_->collections(); }
  /// What the backup should have held for this moment and did not.
  const std::vector<std::string>& missing() const { return missing_; }
  /// Up to which time it is.
  bson::Timestamp time() const { return time_; }
  const BackupReader& backup() const { return backup_; }

 private:
  friend class CollectionReading;
  explicit BackupMoment(const BackupReader& backup) : backup_(backup) {}
  Status take_window(const Cancel& cancel);
  Status take_archive(const LaterOplog& later, const Cancel& cancel);
  Status take(ByteView entry);

  const BackupReader& backup_;
  std::unique_ptr<moment::Moment> moment_;
  std::optional<OplogFilter> filter_;   // where not all of the set was backed up
  std::set<std::string> incomplete_{};  // what it says up to the moment
  Bytes scratch_;
  std::vector<std::string> missing_;
  bson::Timestamp time_;
};

/// One collection's documents at the moment, read once: the parts of the base's file by one thread or several, then
/// finish() by one.
class CollectionReading {
 public:
  using Visit = std::function<Status(ByteView document)>;

  /// Once for each collection of a moment, which must outlive it.
  static Result<std::unique_ptr<CollectionReading>> open(BackupMoment& moment, size_t index, const Cancel& cancel);

  /// Blobs of the base's file; none where nothing of the collection is in the base.
  size_t blobs() const { return file_.content.size(); }
  /// Order matters (a capped collection): one part, by one thread.
  bool in_order() const { return in_order_; }

  /// The window's operations change it, so that what a part gives depends on how the operations are merged.
  bool merged() const { return merge_ != nullptr; }

  /// Visits what has become of the documents in the blobs [first, last). Thread-safe.
  Status part(size_t first, size_t last, const Visit& visit, const Cancel& cancel);
  /// After all parts: visits what the base did not hold. kCorrupt if what was read is not what the manifest describes.
  Status finish(const Visit& visit, const Cancel& cancel);
  using VisitChange = std::function<Status(ByteView before, ByteView after)>;
  /// In the place of the parts and finish(), where order does not matter: visits the documents that operations changed,
  /// empty standing for none, though it may be that they came back to what they were. What a base that was read over a
  /// window holds twice is visited twice, once as one that went. False if the changes do not fit into memory at once;
  /// then not all were visited.
  Result<bool> changes(const VisitChange& visit, const Cancel& cancel);

  /// After finish() or changes(): of the collection as of the moment (RULES 12).
  const bson::Digest& digest() const { return given_; }

 private:
  CollectionReading(const BackupReader& backup, const moment::MomentCollection& collection)
      : backup_(backup), collection_(collection) {}
  Status check_read() const;
  Status check_sum() const;

  const BackupReader& backup_;
  const moment::MomentCollection& collection_;
  repo::Node file_;
  std::unique_ptr<moment::Merge> merge_;  // none for a collection that nothing changed
  bool in_order_ = false;
  std::mutex mutex_;  // guards the three below
  bson::Digest read_, change_, given_;
};

/// All of it, by this thread.
Status read_collection(CollectionReading& reading, const CollectionReading::Visit& visit, const Cancel& cancel);

}  // namespace varve::job
