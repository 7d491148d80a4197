#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "repo/writer.h"

namespace varve::maintenance {

struct CopyOptions {
  repo::WriterOptions writer;
  /// The blobs of how many full packs are written before the snapshots are that need them: more snapshots share packs
  /// then, but an interruption costs more.
  unsigned packs_a_batch = 32;
};

/// What became of one snapshot.
struct CopyOutcome {
  enum class Kind : uint8_t {
    kCopied,
    kThere,   ///< an earlier copy has it in the destination
    kFailed,  ///< damaged in the source: nothing of it refers to anything in the destination
  };
  Kind kind = Kind::kCopied;
  Id source;
  Id copy;          ///< kCopied, kThere
  std::string why;  ///< kFailed
};

struct CopyResult {
  std::vector<CopyOutcome> outcomes;  ///< of each selected snapshot, in the order in which it was decided
  repo::WriterStats stored;

  size_t count(CopyOutcome::Kind kind) const;
};

/// Copies snapshots of `from` that `to` has not yet: blobs as they are, neither cut nor encoded anew, but compressed
/// and sealed as the destination wants it. Only what the destination lacks is read. A snapshot is saved there once all
/// of it is durable; one of which anything is missing or damaged is not copied. `decided` is called for each, so that
/// what was done is known even if the rest fails. Both indexes must be loaded, both repositories locked.
Result<CopyResult> copy(repo::Repository& from, repo::Repository& to, const std::vector<repo::Snapshot>& snapshots,
                        const CopyOptions& options, const std::function<void(const CopyOutcome&)>& decided,
                        Reporter& reporter, const Cancel& cancel);

/// Whether two snapshots, one a copy of the other, still say the same: all but parent, original and what the program
/// noted for itself.
bool is_same_backup(const repo::Snapshot& a, const repo::Snapshot& b);

}  // namespace varve::maintenance
