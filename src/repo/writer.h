#pragma once

#include <functional>
#include <memory>

#include "codec/zstd.h"
#include "repo/destinations.h"

namespace varve::repo {

struct WriterOptions {
  codec::Compression compression = codec::Compression::kAuto;
  unsigned workers = 0;            ///< 0: one a core
  uint64_t pack_size = 16u << 20;  ///< target; 4 to 128 MiB, what is outside is brought inside
  unsigned uploads = 0;            ///< packs uploaded at once; 0: what the storage asks for, at most 5
  bool tell_index = true;          ///< the index in memory learns of new packs; without, its rows stay valid
  bool dry_run = false;            ///< does all the work but stores nothing
  bool read_back = false;          ///< each pack is read and hashed once more before an index names it
};

struct WriterStats {
  uint64_t data_blobs_new = 0, tree_blobs_new = 0, blobs_known = 0;
  uint64_t plain_bytes_new = 0;    ///< before compression
  uint64_t plain_bytes_known = 0;  ///< of blobs that were stored already
  uint64_t packed_bytes = 0;       ///< of new blobs in packs, sealed
};

/// The pipeline behind a backup: hash and deduplicate -> compress, seal, verify -> pack -> upload -> index, on threads
/// of its own, joined by bounded channels. Every new blob is opened, decompressed and hashed once more before it is
/// uploaded. Peak memory is bounded by memory_bound(). save is thread-safe.
///
/// Into several repositories at once: each gets the blobs that it lacks, hashed and compressed once, and keeps its own
/// order; the slowest sets the pace. One that fails is given up (Destinations), and the others go on.
///
/// Order is the transaction: a pack is durable before any index names it; finish writes the last index files. A writer
/// that is destroyed without finish leaves garbage at most, never a dangling reference.
class Writer {
 public:
  using Done = std::function<void(const Id&)>;

  /// The repository's index must be loaded and outlive the writer. One writer at a time: what it is still writing
  /// counts as stored for its own deduplication only.
  Writer(Repository& repository, const WriterOptions& options, const Cancel& parent);
  /// The same for each of several; `destinations` must outlive the writer.
  Writer(Destinations& destinations, const WriterOptions& options);
  ~Writer();

  /// An empty buffer for the next blob; if there is one, with the room of a blob that has been saved.
  Bytes buffer();
  /// Hands a blob over; waits while the pipeline is full. `done` is called on a worker's thread with the blob's id,
  /// when it is known to be stored already or has been put into a pack (not yet durable). An error is the pipeline's
  /// first error. `done` must not save.
  Status save(BlobType type, Bytes plain, Done done);
  /// For packs that are written anew: stores a blob again although it is stored. As the sealed bytes that it has, which
  /// the caller opened and hashed (of one repository only); or compressed, whatever the level and even if that gains
  /// nothing.
  Status save_sealed(BlobType type, const Id& id, ByteView unit, uint32_t plain_length);
  Status save_again(BlobType type, Bytes plain);
  /// Waits until `done` was called for everything saved so far.
  Status drain();
  /// Everything durable and indexed, in each repository that is not given up. To be called once; no save afterwards.
  /// `finished` is told of each as soon as it is, on a thread of its own: it need not wait for slower ones.
  Status finish(const std::function<void(size_t which)>& finished = {});

  /// Gives up: when it returns, no `done` is called any more. What has not been finished is garbage at most.
  void stop();

  /// Of one repository; or of the first that is not given up.
  WriterStats stats(size_t which) const;
  WriterStats stats() const;
  /// The index files that it wrote, once it has finished, of one repository only.
  std::vector<Id> index_files() const;
  /// Stops when the pipeline has failed or its parent has stopped: for those who wait for `done`.
  Cancel cancel() const;
  /// Bytes that the pipeline holds at most when no blob is larger than `largest_blob`.
  static uint64_t memory_bound(const WriterOptions& options, uint64_t largest_blob, unsigned repositories = 1);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace varve::repo
