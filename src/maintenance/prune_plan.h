#pragma once

#include "maintenance/prune.h"
#include "repo/index_rows.h"

namespace varve::maintenance {

/// What a prune will do. Pure data.
struct PrunePlan {
  PruneStats stats;
  std::vector<Id> unindexed;      ///< packs that no index names: garbage, removed first
  std::vector<Id> missing;        ///< packs to be taken out of the index that are not there
  std::vector<Id> remove;         ///< packs to be taken out of the index and removed, those to be repacked included
  std::vector<uint32_t> to_copy;  ///< rows of blobs that are to be copied out of them, each once, in reading order
};

/// `used` as mark_used gives it. kCorrupt if a needed pack is missing or has not the size that the index implies.
Result<PrunePlan> plan_prune(repo::Repository& repository, const repo::IndexRows& rows, std::vector<uint8_t> used,
                             const PruneOptions& options, const Cancel& cancel);

/// Whether a blob is to be compressed when it is copied.
inline bool must_compress(const repo::Config& config, const PruneOptions& options, repo::BlobType type,
                          uint32_t plain_length) {
  const bool wanted = type == repo::BlobType::kTree || options.repack_uncompressed;
  return config.version != 1 && wanted && plain_length == 0;
}

}  // namespace varve::maintenance
