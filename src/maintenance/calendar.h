#pragma once

#include <optional>

#include "maintenance/duration.h"
#include "repo/snapshot.h"

namespace varve::maintenance {

/// What the clock showed where a snapshot was made.
struct WallClock {
  int year = 0;
  int month = 0, day = 0, hour = 0;

  /// Of ISO 8601; the year that the week belongs to may not be the date's.
  struct Week {
    int year = 0, number = 0;
  };
  Week iso_week() const;
};
WallClock wall_clock(const repo::Snapshot& snapshot);

/// The moment that lies `duration` before the snapshot's, on the calendar of the place where it was made: a month is as
/// long as it was there. A time whose offset is that of this machine's zone is taken for one of this zone, with its
/// summer time, and any other for one of a zone without, as restic does. Nothing if that is before all times that can
/// be held.
std::optional<Time> moment_before(const repo::Snapshot& snapshot, const Duration& duration);

}  // namespace varve::maintenance
