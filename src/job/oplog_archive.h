#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "collection/slice.h"
#include "repo/repository.h"

namespace varve::job {

/// A slice as it lies in the repository.
struct StoredSlice {
  collection::SliceSpan span;
  repo::Node data, info;  ///< the .bson file, and the .json beside it
};

/// The slices among the files of an hour's folder, in their order; what else lies there is passed over.
std::vector<StoredSlice> slices_in(const std::vector<repo::Node>& files);

/// A part of the oplog without a gap: entries from `from`, which is in it, up to `to`.
struct OplogSpan {
  bson::Timestamp from, to;
  std::string set_id;  ///< of the replica set that it is of; "" if it did not tell
  std::string gap;     ///< why what lies between the span before and this one is missing; "" for the first
};

/// The newest snapshot of a source's oplog archive; nothing if there is none.
Result<std::optional<repo::Snapshot>> newest_archive(repo::Repository& repository, const std::string& source,
                                                     const Cancel& cancel);

/// The folders from the root of a snapshot down to the hour in which a slice lies; the last kSliceFolders are of its
/// time.
std::vector<std::string> slice_path(const std::string& source, const std::string& set_folder, bson::Timestamp last);
inline constexpr size_t kSliceFolders = 4;  // year, month, day, hour

/// One as the archiver writes it; `parent`: the one that it takes the place of. Its `program_version` is the caller's.
repo::Snapshot new_archive_snapshot(const std::string& source, const std::string& run,
                                    const std::optional<repo::Snapshot>& parent, const Id& tree, Time time);
/// Whether it is as it was written: whoever gave one a tag may want to keep it, and one that was copied or written anew
/// is not the archiver's.
bool is_as_written(const repo::Snapshot& of_archive);
/// Those that `newest` was made from, oldest first: their slices are in it. `of_archive`: all of that source's.
std::vector<repo::Snapshot> made_from(const repo::Snapshot& newest, const std::vector<repo::Snapshot>& of_archive);

/// The oplog archive of a source, opened for reading: docs/specs/oplog-archive.md. The repository's index must be
/// loaded and outlive it.
class OplogArchive {
 public:
  /// Of that snapshot. kCorrupt if it holds no archive.
  static Result<OplogArchive> open(repo::Repository& repository, repo::Snapshot snapshot, const Cancel& cancel);

  const repo::Snapshot& snapshot() const { return snapshot_; }
  /// Of the replica set, below which the slices lie.
  const std::string& set_name() const { return set_name_; }

  /// Visits slices in their order, from the first whose last entry is at or after `from`. Ends when `visit` says
  /// false.
  Status each_slice(bson::Timestamp from, const std::function<Result<bool>(const StoredSlice&)>& visit,
                    const Cancel& cancel) const;
  /// The newest.
  Result<std::optional<StoredSlice>> last_slice(const Cancel& cancel) const;
  Result<collection::SliceInfo> info(const StoredSlice& slice, const Cancel& cancel) const;
  /// All parts without a gap, in their order.
  Result<std::vector<OplogSpan>> spans(const Cancel& cancel) const;
  /// Visits the entries of a slice, the first of which is the last of the slice before. kCorrupt if they are not those
  /// that its name and description tell of.
  Status each_entry(const StoredSlice& slice, const std::function<Status(ByteView)>& visit, const Cancel& cancel) const;

 private:
  OplogArchive(repo::Repository& repository, repo::Snapshot snapshot)
      : repository_(&repository), snapshot_(std::move(snapshot)) {}
  Result<bool> walk(const Id& folder, std::string_view below, size_t depth,
                    const std::function<Result<bool>(const StoredSlice&)>& visit, const Cancel& cancel) const;

  repo::Repository* repository_;
  repo::Snapshot snapshot_;
  std::string set_name_;
  Id set_tree_;
};

}  // namespace varve::job
