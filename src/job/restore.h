#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "bson/namespace.h"
#include "bson/rename.h"
#include "job/backup_moment.h"
#include "job/restore_state.h"
#include "mongo/target.h"
#include "mongo/uri.h"

namespace varve::job {

/// What becomes of a collection that is on the target already.
enum class OnExisting : uint8_t {
  kRefuse,      ///< the restore ends before it writes anything
  kReplace,     ///< by a successor that is complete and proven (RULES 15)
  kDropFirst,   ///< for want of space
  kAddMissing,  ///< it stays, and gets the documents whose `_id`s it lacks (RULES 19)
  kOverwrite,   ///< it stays, gets those, and the backup's documents in place of its own of the same `_id`
};

/// Whether it stays and gets documents of the backup.
constexpr bool merges(OnExisting existing) {
  return existing == OnExisting::kAddMissing || existing == OnExisting::kOverwrite;
}

/// Users and roles (RULES 16).
enum class UsersMode : uint8_t {
  kWithWhole,  ///< come back if nothing is filtered or renamed; those that are there stay as they are
  kAdd,        ///< come back in any case; those that are there stay as they are
  kReplace,    ///< come back in any case, also in place of those of the same name, but never of the login in use
};

/// What a restore is going to do, to be shown before it does it.
struct RestorePlan {
  struct Item {
    size_t index = 0;  ///< in BackupMoment::collections()
    const collection::CollectionEntry* entry = nullptr;
    bson::Namespace name;                 ///< on the target
    bson::Document options;               ///< of the entry, with the new names and as the target's version takes them
    std::vector<bson::Document> indexes;  ///< of the entry, as the target's version takes them
    bool exists = false;                  ///< on the target
    bool merge = false;                   ///< and stays: documents are added to it
    std::set<std::string> indexes_there;  ///< of one that stays, by name
    bool drop_first = false;    ///< cannot be loaded beside and renamed (views, time-series, system collections), or is
                                ///< not to be
    bson::Namespace load_into;  ///< where it is loaded: its own name, or a temporary one beside it
    /// What an interrupted restore has done for it: at least, `load_into` is its work. `load_into` is the item's name
    /// if it was put in place too.
    std::optional<CollectionState> begun;
    /// What stands under its name is the work of an interrupted run, to be dropped and done again: its UUID. Empty if
    /// that had not been noted; then it is empty itself.
    std::optional<Bytes> redo;
    bool fill = false;  ///< is there when a restore is resumed, and how it came is not known: gets what it lacks
  };
  std::vector<Item> items;  ///< sorted by the names that they have in the backup
  mongo::TargetInfo target;
  /// Users and roles of the backup, as the server keeps them.
  std::vector<bson::Document> user_documents, role_documents;
  bool users = false;           ///< they come back too
  bool users_left_out = false;  ///< there are some, but filters are set (RULES 16)
  mongo::AuthResult auth;       ///< who would be added, replaced, who stays
  std::vector<std::string> remarks, shortfalls;
  RunState run;                             ///< this restore
  bool resumed = false;                     ///< it goes on with what an earlier one has begun
  std::vector<Unfinished> unfinished;       ///< restores that the target knows of, this one too
  std::vector<bson::Namespace> left_alone;  ///< on the target in these databases, but not in the backup: they stay
  uint64_t documents = 0, bytes = 0;  ///< of the base: what the window's operations add or remove is not known yet
};

struct RestoreOptions {
  mongo::Uri to;
  bson::NamespaceFilter filter;    ///< of the names in the backup
  bson::NamespaceRename rename{};  ///< to the names on the target
  OnExisting existing = OnExisting::kRefuse;
  UsersMode users = UsersMode::kWithWhole;
  bool indexes = true;  ///< secondary ones
  bool ttl = true;      ///< expiry is turned on at the end (RULES 17)
  /// Leaves out, and names, what the target's version cannot take, instead of refusing all.
  bool allow_version_mismatch = false;
  bool dry_run = false;
  bool verify = true;
  /// That each insert waits for: a number of members, or "majority"; "1" is fast. A majority, journalled write ends the
  /// restore in any case (RULES 14).
  std::string write_concern = "1";
  unsigned writers = 0;  ///< connections that insert at once; 0: 2
  bool resume = false;   ///< goes on with a restore of the same backup by the same words (RULES 19)
  std::string snapshot;  ///< whose backup it is: its id, for people
  std::string words;     ///< the options above that decide what comes back, as they are typed
  MergeOptions merge{};
  /// Asked before anything is replaced; false ends the restore with nothing changed. Empty: no question.
  std::function<bool(const RestorePlan&)> confirm{};
};

struct RestoreResult {
  std::shared_ptr<BackupMoment> moment;  ///< keeps the plan's entries
  RestorePlan plan;
  bool written = false;                                             ///< false for a dry run
  uint64_t collections = 0, documents = 0, bytes = 0, indexes = 0;  ///< restored
  uint64_t kept = 0;  ///< documents that were there, the target's or by a run before, and stayed in a merge
  mongo::AuthResult auth;
  std::vector<std::string> shortfalls;  ///< what is missing, differs, or was not verified; empty for exit 0
  std::vector<std::string> remarks;
  std::vector<std::string> ttl_commands;  ///< turn on what `ttl` left off, in the shell's language
};

/// Restores the collections that the filter takes, under the names that `rename` gives them, as they were at the
/// backup's moment. kExists, before anything is written, if some are on the target and `existing` does not say what
/// becomes of them. Those to be replaced are loaded beside the old one, indexed, verified, and only then take its place
/// (RULES 15).
Result<RestoreResult> restore(const BackupReader& backup, const RestoreOptions& options, Reporter& reporter,
                              const Cancel& cancel);

}  // namespace varve::job
