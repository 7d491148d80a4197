#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "files/problem.h"
#include "repo/snapshot.h"
#include "repo/tree.h"
#include "repo/writer.h"

namespace varve::files {

/// What a backup has done so far: its counters, as restic counts, and its problems. Tells the reporter. Thread-safe.
class Ledger {
 public:
  Ledger(const repo::Writer& writer, Reporter& reporter) : writer_(writer), reporter_(reporter) {}

  void problem(const std::string& item, const Error& error);
  /// A file or folder is complete; `previous` is what the parent snapshot has in its place.
  void count(const std::optional<repo::Node>& previous, const repo::Node& node);
  /// The same for a file that was not read, since it is as in the parent.
  void count_unmodified(const repo::Node& node);
  void starts(const std::string& path);
  void has_read(uint64_t bytes);
  /// How much there is to do, as far as is known.
  void expect(uint64_t files, uint64_t bytes);

  /// The counters of restic's summary, but for times and blobs.
  repo::SnapshotSummary summary() const;
  /// The first thousand.
  std::vector<Problem> problems() const;
  uint64_t problem_count() const;

 private:
  void count_locked(const repo::Node& node, uint64_t& counter);
  void show_locked();

  const repo::Writer& writer_;
  Reporter& reporter_;
  mutable std::mutex mutex_;
  repo::SnapshotSummary summary_;
  std::vector<Problem> problems_;
  uint64_t problem_count_ = 0;
  std::string current_;
  uint64_t bytes_ = 0, files_total_ = 0, bytes_total_ = 0;
};

}  // namespace varve::files
