#pragma once

#include "maintenance/prune.h"
#include "repo/index_rows.h"
#include "repo/pack.h"

namespace varve::maintenance {

/// What the index and the storage say about a pack.
struct PackFacts {
  uint32_t used = 0, unused = 0;              ///< blobs; a spare copy of a blob is unused
  uint64_t used_bytes = 0, unused_bytes = 0;  ///< used with the header
  bool has_data = false, has_trees = false;
  bool uncompressed = false;  ///< some of it
  bool rewrite = false;       ///< mixed, or something must be compressed
  bool present = false;
  uint64_t real_size = 0;

  uint64_t size() const { return used_bytes + unused_bytes; }
  bool is_sound() const { return present && real_size == size(); }
};

/// Blobs by row and packs by number, with each blob that is in use attributed to exactly one of its copies.
class PackSurvey {
 public:
  static constexpr uint8_t kUsed = 1;  ///< of a blob's first copy: some snapshot needs the blob
  static constexpr uint8_t kKeep = 2;  ///< this copy stays, in its pack or in a new one

  PackSurvey(const repo::IndexRows& rows, std::vector<uint8_t> marks) : rows_(rows), marks_(std::move(marks)) {}

  /// Looks at every pack and every blob, and chooses among copies: one in a pack that is sound, that stays as it is,
  /// and that a prune which was interrupted wrote, so that its work is not done twice.
  Status run(repo::Repository& repository, const PruneOptions& options, PruneStats& stats, const Cancel& cancel);

  std::vector<PackFacts>& packs() { return packs_; }
  /// Packs that no index names.
  const std::vector<storage::FileInfo>& unindexed() const { return unindexed_; }
  bool is_kept(size_t row) const { return (marks_[row] & kKeep) != 0; }
  /// Where a blob has a copy in a pack that `stays`, that one is kept instead.
  void prefer(const std::function<bool(uint32_t pack)>& stays);

 private:
  /// Calls `visit(first, last)` with the rows of the copies of each blob.
  template <typename Visit>
  void for_each_blob(Visit&& visit) const;
  Status look_at_packs(repo::Repository& repository, const Cancel& cancel);
  void count(const repo::Repository& repository, const PruneOptions& options, PruneStats& stats);
  void choose(PruneStats& stats);
  std::vector<uint32_t> ranks() const;

  const repo::IndexRows& rows_;
  std::vector<uint8_t> marks_;
  std::vector<PackFacts> packs_;
  std::vector<uint32_t> repeated_;  ///< by pack: blobs in use of which there are copies
  std::vector<storage::FileInfo> unindexed_;
};

}  // namespace varve::maintenance
