#pragma once

#include <mutex>

#include "repo/index.h"

namespace varve::repo {

/// Collects the durable packs of a writer and saves them in index files: when there are many blobs, or after some
/// minutes, so that an interrupted backup does not begin anew. Thread-safe.
class IndexWriter {
 public:
  explicit IndexWriter(Repository& repository);

  /// `pack` must be durable.
  Status add(IndexedPack pack, const Cancel& cancel);
  /// Saves what is left.
  Status finish(const Cancel& cancel);
  /// Packs that no index file names yet.
  std::vector<Id> unsaved() const;
  /// The index files that were written.
  std::vector<Id> files() const;

  static constexpr size_t kBlobs = 50'000;  ///< a file ends with the pack that fills it

 private:
  static constexpr auto kAge = std::chrono::minutes(10);

  Status save(std::vector<IndexedPack> packs, const Cancel& cancel);

  Repository& repository_;
  mutable std::mutex mutex_;
  std::vector<IndexedPack> packs_;
  std::vector<Id> files_;
  size_t blobs_ = 0;
  std::chrono::nanoseconds since_;
};

}  // namespace varve::repo
