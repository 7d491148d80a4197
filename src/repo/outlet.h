#pragma once

#include <atomic>
#include <functional>
#include <mutex>

#include "base/channel.h"
#include "base/task_group.h"
#include "repo/blob_encoder.h"
#include "repo/destinations.h"
#include "repo/index_writer.h"
#include "repo/packer.h"
#include "repo/writer.h"

namespace varve::repo {

/// What a writer has for one repository: which blobs it lacks, its packs, the threads that upload them, its index
/// files, its counters. If anything fails the repository is given up (Destinations): its threads end, its buffers are
/// freed, and nobody waits here any more. Workers may use it at once; it is begun, stopped and ended by the writer's
/// owner.
class Outlet {
 public:
  Outlet(Destinations& destinations, size_t which, const WriterOptions& options);

  Repository& repository() const { return repository_; }
  /// Starts the threads.
  void start();
  /// Whether a blob is to be stored here: true for exactly one who asks while it is neither stored nor being written.
  bool wants(BlobType type, const Id& id, uint64_t plain_size);
  /// The same for what is stored again.
  bool takes_any() const { return destinations_.has(which_); }
  /// Puts a blob into a pack, or gives the repository up.
  void take(BlobType type, const Id& id, const Result<BlobEncoder::Unit>& unit);
  /// Makes all that was taken durable and then indexed, or gives the repository up.
  void finish();

  /// Whoever waits here goes on; nothing that fails from here on counts.
  void stop();
  /// After stop, once nobody uses it: what is not both durable and indexed must not be deduplicated against.
  void abandon();

  WriterStats stats() const;
  std::vector<Id> index_files() const { return index_writer_.files(); }

  /// Of packs uploaded at once, for a storage that asks for so many calls.
  static unsigned upload_count(const WriterOptions& options, unsigned connections);
  /// Bytes that it holds at most.
  static uint64_t memory_bound(const WriterOptions& options, uint64_t workers, uint64_t blob);

 private:
  void run(const std::function<Status()>& act);
  Status put(BlobType type, const Id& id, const BlobEncoder::Unit& unit);
  Status upload_all(const Cancel& cancel);
  Status upload(PackBuilder pack, const Cancel& cancel);
  Status finish_all();

  Destinations& destinations_;
  const size_t which_;
  Repository& repository_;
  const WriterOptions options_;
  const unsigned uploads_;
  Packer packer_;
  Channel<PackBuilder> packs_;
  IndexWriter index_writer_;

  mutable std::mutex mutex_;
  WriterStats stats_;
  std::atomic<bool> stopped_ = false;
  bool ended_ = false;  ///< finished, or abandoned

  TaskGroup group_;  // last: its threads use what stands above
};

}  // namespace varve::repo
