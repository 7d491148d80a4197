#pragma once

#include <memory>
#include <string>

#include "bson/view.h"
#include "cli/context.h"
#include "job/restorable.h"

namespace varve::cli {

/// A moment as a user writes it, as the newest cluster time that belongs to it (docs/any-second.md): a cluster
/// time "1795251206:3" is itself; a second on the clock is everything before that second began: RFC 3339 with a zone,
/// what parse_moment takes, the same with a zone's name behind it, or "-90m" before `now`. kInvalidInput for a fraction
/// of a second, and for an hour that the clock there shows twice or never, with what would do; the error names the
/// option.
Result<bson::Timestamp> parse_point_in_time(const std::string& text, Time now, const std::string& option = "--at");

/// The oplog archive of a source; loads the index. kNotFound if there is none.
Result<job::OplogArchive> open_archive(const OpenRepository& repository, const std::string& source);

/// --at and --before, for the commands that take a backup.
struct AtWords {
  std::string at, before;

  bool given() const { return !at.empty() || !before.empty(); }
};
void add_at_option(Command& command, AtWords& words);

/// What a moment is made of, and whether that is less than all.
void tell_base(const job::ChosenMoment& chosen, Output& output);

/// What a command works on: a snapshot as it is, or brought to a later moment.
struct Wanted {
  repo::Snapshot snapshot;
  std::shared_ptr<const job::LaterOplog> later;  ///< nothing without --at
};
/// The snapshot that is named or, with --at or --before, the one of the source from which the moment is reached. Loads
/// the index.
Result<Wanted> find_wanted(const OpenRepository& repository, const SnapshotOptions& snapshot, const AtWords& words,
                           const job::MergeOptions& memory, Output& output);

}  // namespace varve::cli
