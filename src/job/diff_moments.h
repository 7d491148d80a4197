#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bson/namespace.h"
#include "job/backup_moment.h"

namespace varve::job {

/// One side: a backup, and what brings it to the moment. Both must outlive the comparison.
struct MomentSide {
  const BackupReader* backup = nullptr;
  MergeOptions merge{};
};

struct DiffMomentsOptions {
  bson::NamespaceFilter filter{};
  uint64_t memory = 64u << 20;  ///< for documents of collections that differ
};

/// What is told, in no order of documents; each as it comes. An error that one gives ends the comparison.
struct DiffMomentsListener {
  /// A collection that is only on one side, or whose type, options or indexes differ: a sentence.
  std::function<Status(const bson::Namespace& ns, const std::string& what)> catalog;
  /// A document that differs; empty where that side has none of its `_id`.
  std::function<Status(const bson::Namespace& ns, ByteView before, ByteView after)> document;
};

struct DiffMomentsResult {
  uint64_t collections = 0;  ///< compared
  uint64_t added = 0, removed = 0, changed = 0;
  std::vector<std::string> missing;  ///< what the backups should have held and did not
};

/// Compares two moments. What no operation touched since a base that both start from (one reader is given for both) is
/// not read; of the rest both sides are read once, and twice more or oftener where they differ.
Result<DiffMomentsResult> diff_moments(const MomentSide& before, const MomentSide& after,
                                       const DiffMomentsOptions& options, const DiffMomentsListener& listener,
                                       const Cancel& cancel);

}  // namespace varve::job
