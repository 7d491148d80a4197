#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/reporter.h"
#include "bson/namespace.h"
#include "collection/manifest.h"
#include "job/server_lock.h"
#include "mongo/topology.h"
#include "repo/saved_snapshots.h"

namespace varve::job {

/// All documents as of one time, as they come while the oplog is followed, or what suits.
enum class ReadAt : uint8_t { kAuto, kOneTime, kWindow };
enum class OrderChoice : uint8_t { kAuto, kId, kNatural };

struct BackupOptions {
  mongo::Uri uri;
  std::string source;  ///< empty: the replica set's name, or "standalone"
  bson::NamespaceFilter filter;
  std::vector<std::string> tags;
  repo::WriterOptions writer{};
  unsigned readers = 0;  ///< connections that read at once; 0: as many as cores, 2 to 4
  ReadAt read_at = ReadAt::kAuto;
  OrderChoice order = OrderChoice::kAuto;
  uint32_t average_chunk = 0;  ///< of all collections, kLeastAverage to kMostAverage; 0: as the parent's, else by size
  mongo::MemberOptions member{};
  bool new_incarnation = false;  ///< accept another replica set under this source's name
  bool accept_inconsistent = false;
  uint64_t limit_read = 0;  ///< bytes a second of documents from the server, all readers together; 0: no limit
  bool lock = false;        ///< lock a standalone while it is read; refused for a replica set
  LockSettings locking{};   ///< also for what dead runs have left behind
  std::string program_version{};
};

struct BackupResult {
  std::vector<repo::SavedSnapshot> repositories;  ///< of each destination
  Id snapshot;                                    ///< in the first that has one; so are the next two
  std::optional<Id> parent;
  repo::WriterStats stored;
  collection::Manifest manifest;
  uint64_t documents = 0, bytes = 0;
  /// Anything that makes the result less than complete and consistent, one sentence each; empty for exit 0.
  std::vector<std::string> shortfalls;
  std::vector<std::string> remarks;  ///< worth knowing, but nothing is missing
  Time started{}, ended{};
};

/// Backs one replica set or standalone up into one snapshot of each repository, under locks that their Cancels follow.
/// Loads their indexes, once the snapshots were listed. Nothing is visible in a repository before everything is durable
/// there. Writes nothing to the server.
Result<BackupResult> backup(repo::Destinations& to, const BackupOptions& options, Reporter& reporter,
                            const Clock& clock = system_clock());

/// Takes over what was saved.
void note_saved(std::vector<repo::SavedSnapshot> repositories, BackupResult& result);

}  // namespace varve::job
