#pragma once

#include <string>
#include <vector>

#include "bson/namespace.h"
#include "bson/view.h"

namespace varve::mongo {

/// What a login may do: `authInfo.authenticatedUserPrivileges` of connectionStatus. A view.
class Privileges {
 public:
  explicit Privileges(bson::View array) : array_(array) {}

  bool on_collection(const bson::Namespace& ns, std::string_view action) const;
  /// On any collection that a user may have made.
  bool on_every_collection(std::string_view action) const;
  /// On every database as such, e.g. viewUser.
  bool on_every_database(std::string_view action) const;
  bool on_cluster(std::string_view action) const;
  /// On the buckets of every time-series collection.
  bool on_time_series(std::string_view action) const;

 private:
  template <typename Covers>
  bool any(std::string_view action, const Covers& covers) const;

  bson::View array_;
};

/// What a backup is to do, beyond what all do.
struct BackupDeeds {
  bool replica_set = false;
  bool lock = false;
  bool time_series = false;  ///< the server may have some
};
/// What a restore is to bring back, beyond plain collections.
struct RestoreDeeds {
  bool users = false;          ///< and roles
  bool replace_users = false;  ///< that are there
  bool time_series = false;
  bool stored_functions = false;
  bool capped = false;
  bool overwrite = false;  ///< what is there
};

/// Lines such as "backup: to read local.oplog.rs", from the privileges alone. docs/roles.md lists what is asked for.
std::vector<std::string> lacking_for_backup(const Privileges& privileges, const BackupDeeds& deeds);
std::vector<std::string> lacking_for_restore(const Privileges& privileges, const RestoreDeeds& deeds);

}  // namespace varve::mongo
