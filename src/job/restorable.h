#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collection/manifest.h"
#include "job/backup_moment.h"
#include "job/oplog_archive.h"
#include "repo/repository.h"

namespace varve::job {

/// For people: "2026-11-28 10:15:02 UTC (1795251206:3)"; where it means all before a second, "before ... UTC".
std::string moment_text(bson::Timestamp moment);

/// A backup that moments can start from.
struct Base {
  repo::Snapshot snapshot;
  bson::Timestamp moment;
  std::string set_id;       ///< "" if it is not known
  std::string consistency;  ///< as its manifest has it
  /// What it lacks: "is of a part of the source", "is incomplete", "has lost documents"; "" if it is whole.
  std::string partial;

  /// Whether the oplog from its moment on is in that part of the archive.
  bool is_in(const OplogSpan& span) const;
};

/// A backup from which none can.
struct NoBase {
  repo::Snapshot snapshot;
  std::string why;
  bool unread = false;  ///< it may be one, for whoever can read it
};

/// What can be brought back of a source: backups, and the oplog after them. The repository's index must be loaded.
struct Restorable {
  std::vector<Base> bases;  ///< by their moments
  std::optional<OplogArchive> archive;
  std::vector<OplogSpan> spans;                 ///< of the archive
  std::optional<collection::SliceInfo> newest;  ///< of its slices
  std::vector<NoBase> unusable;

  /// From `from`, the moment of a base, every moment up to `to`.
  struct Range {
    bson::Timestamp from, to;
  };
  /// In their order; a base after which no oplog is stored is a range of one moment.
  std::vector<Range> ranges() const;
};
/// Lists snapshots, loads the index, and reads what is needed of both. What is damaged is told in the result; a storage
/// that does not answer is an error.
Result<Restorable> find_restorable(repo::Repository& repository, const std::string& source, const Cancel& cancel);

/// A backup and the oplog that brings it to a moment.
struct ChosenMoment {
  Base base;
  std::shared_ptr<const LaterOplog> later;
};
/// The newest base from which `until` can be reached, a whole one if there is any. kInvalidInput if none can, with the
/// nearest moments that there are.
Result<ChosenMoment> choose_moment(const Restorable& restorable, const std::string& source, bson::Timestamp until,
                                   const Cancel& cancel);

/// Two moments to compare: from the same base where it reaches both, so that what is the same in both is known for
/// most. Errors as choose_moment's.
Result<std::pair<ChosenMoment, ChosenMoment>> choose_moments(const Restorable& restorable, const std::string& source,
                                                             bson::Timestamp first, bson::Timestamp second,
                                                             const Cancel& cancel);

}  // namespace varve::job
