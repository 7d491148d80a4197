#pragma once

#include <map>
#include <string>
#include <vector>

#include "maintenance/duration.h"
#include "repo/snapshot.h"
#include "repo/snapshot_filter.h"

namespace varve::maintenance {

/// Which snapshots are to be kept, as restic's --keep-* say. Every rule counts for itself; what any of them keeps is
/// kept.
struct Policy {
  static constexpr int kUnlimited = -1;

  int last = 0, hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0;
  Duration within;  ///< everything this much older than the newest snapshot that is not in the future
  Duration within_hourly, within_daily, within_weekly, within_monthly, within_yearly;
  Duration every_second;             ///< each snapshot without which a second of it could not be brought back
  std::map<Id, std::string> needed;  ///< which these are, and the reasons
  std::vector<repo::TagList> tags;   ///< every tag of one of the lists; an empty list keeps what has no tags

  bool empty() const;
};
/// "keep the 3 daily, the 2 weekly and all within 1y of the newest"
std::string describe(const Policy& policy);

struct Kept {
  repo::Snapshot snapshot;
  std::vector<std::string> reasons;  ///< restic's words: "daily snapshot", "oldest weekly snapshot", "within 1d"
};
struct Decision {
  std::vector<Kept> keep;
  std::vector<repo::Snapshot> remove;
};
/// Decides about one group's snapshots, newest first. Hours, days, ... are those of the place where a snapshot was
/// made. A rule that has counts left at the oldest snapshot keeps that one too.
Decision apply(const Policy& policy, std::vector<repo::Snapshot> newest_first, Time now);

}  // namespace varve::maintenance
