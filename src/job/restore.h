#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "bson/namespace.h"
#include "job/backup_moment.h"
#include "mongo/target.h"
#include "mongo/uri.h"

namespace varve::job {

/// What a restore is going to do, to be shown before it does it.
struct RestorePlan {
  struct Item {
    size_t index = 0;  ///< in BackupMoment::collections()
    const collection::CollectionEntry* entry = nullptr;
    bool exists = false;        ///< on the target, to be replaced
    bool drop_first = false;    ///< cannot be loaded beside and renamed (views, time-series, system collections)
    bson::Namespace load_into;  ///< where it is loaded: its own name, or a temporary one beside it
  };
  std::vector<Item> items;  ///< sorted by namespace
  mongo::TargetInfo target;
  /// Users and roles of the backup, as the server keeps them.
  std::vector<bson::Document> user_documents, role_documents;
  bool users = false;                       ///< they come back too
  bool users_left_out = false;              ///< there are some, but filters are set (RULES 16)
  mongo::AuthResult auth;                   ///< who would be added, who stays
  std::vector<bson::Namespace> left_alone;  ///< on the target in these databases, but not in the backup: they stay
  uint64_t documents = 0, bytes = 0;  ///< of the base: what the window's operations add or remove is not known yet
};

struct RestoreOptions {
  mongo::Uri to;
  bson::NamespaceFilter filter;
  bool drop = false;
  bool dry_run = false;
  bool verify = true;
  unsigned writers = 0;  ///< connections that insert at once; 0: 2
  MergeOptions merge{};
  /// Asked before anything is replaced; false ends the restore with nothing changed. Empty: no question.
  std::function<bool(const RestorePlan&)> confirm{};
};

struct RestoreResult {
  std::shared_ptr<BackupMoment> moment;  ///< keeps the plan's entries
  RestorePlan plan;
  bool written = false;  ///< false for a dry run
  uint64_t collections = 0, documents = 0, bytes = 0, indexes = 0;
  mongo::AuthResult auth;
  std::vector<std::string> shortfalls;  ///< what is missing, differs, or was not verified; empty for exit 0
  std::vector<std::string> remarks;
};

/// Restores the collections that the filter takes, under their own names, as they were at the backup's moment. kExists,
/// before anything is written, if some are on the target and `drop` is not set. With `drop` each is loaded beside the
/// old one, indexed, verified, and only then takes its place (RULES 15).
Result<RestoreResult> restore(const BackupReader& backup, const RestoreOptions& options, Reporter& reporter,
                              const Cancel& cancel);

}  // namespace varve::job
