#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/reporter.h"
#include "mongo/topology.h"
#include "repo/writer.h"

namespace varve::job {

struct ArchiveOptions {
  mongo::Uri uri;
  std::string source;  ///< empty: the replica set's name
  mongo::MemberOptions member{};
  std::chrono::seconds every{5};          ///< between two slices, if there is something to store
  std::chrono::seconds lock_patience{0};  ///< with `once`: so long others may have the repository for themselves
  bool once = false;                      ///< ends when everything majority-committed at the start is stored
  bool new_incarnation = false;           ///< go on under this name although the replica set was made anew
  repo::WriterOptions writer{};
  std::string program_version{};
};

struct ArchiveResult {
  std::string source, set_name;
  uint64_t slices = 0, entries = 0, bytes = 0;  ///< stored by this run
  bson::Timestamp from, to;                     ///< of this run's slices; zero if there was nothing new
  std::vector<std::string> shortfalls;          ///< gaps that this run met, and what else is amiss; empty for exit 0
};

/// Tails the oplog of a replica set and stores what is majority-committed as slices of the source's archive, from where
/// that ends: docs/specs/oplog-archive.md. Outlives elections, restarts, and the loss of the network on either side:
/// the server's oplog is the buffer. What that has lost is a gap, which is told when it is met and stands in the
/// archive. Ends with `once`, when it is stopped (kCancelled), or where waiting does not help. The repository is opened
/// without a lock: one is taken for each slice. Writes nothing to the server.
Result<ArchiveResult> archive(repo::Repository& repository, const ArchiveOptions& options, Reporter& reporter,
                              const Cancel& cancel, const Clock& clock = system_clock());

}  // namespace varve::job
