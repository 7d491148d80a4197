#pragma once

#include <string_view>
#include <vector>

#include "base/reporter.h"
#include "repo/repository.h"

namespace varve::maintenance {

/// What is counted, as in restic.
enum class StatsMode : uint8_t {
  kRestoreSize,      ///< what a restore of each snapshot would write
  kFilesByContents,  ///< files of the same content once
  kBlobsPerFile,     ///< of files of different content, the blobs, each once a path
  kRawData,          ///< the blobs as they are stored, each once
};

struct Stats {
  uint64_t snapshots = 0;
  uint64_t files = 0, blobs = 0;
  uint64_t size = 0;
  /// kRawData in format 2: stored bytes as they were before compression, and of these the ones that are compressed.
  uint64_t uncompressed_size = 0;
  uint64_t compressed_blobs = 0, compressed_blobs_before = 0;

  double compression_ratio() const;         ///< 0 if nothing is compressed
  double compression_progress() const;      ///< percent of the bytes that are compressed
  double compression_space_saving() const;  ///< percent
};

/// An error names what is damaged: there are no numbers without everything that they count. The index must be loaded.
Result<Stats> collect_stats(repo::Repository& repository, const std::vector<repo::Snapshot>& snapshots, StatsMode mode,
                            Reporter& reporter, const Cancel& cancel);

}  // namespace varve::maintenance
