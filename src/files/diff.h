#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "repo/repository.h"

namespace varve::files {

/// What one side of a comparison has that the other has not.
struct DiffSide {
  uint64_t files = 0, folders = 0, others = 0;
  uint64_t data_blobs = 0, tree_blobs = 0, bytes = 0;
};

struct DiffResult {
  uint64_t changed_files = 0;
  DiffSide added, removed;
  uint64_t errors = 0;
};

struct DiffOptions {
  bool metadata = false;  ///< tell changes of metadata alone too
};

/// Told of each change. `marks` is what restic prints: "+" added, "-" removed, "M" other content, "U" other metadata,
/// "T" another type, "?" after M where only the content differs, as rotten bits would. A folder's path ends in a slash.
struct DiffListener {
  std::function<void(const std::string& marks, const std::string& path)> change;
  std::function<void(const std::string& path, const Error& error)> problem;  ///< a tree that cannot be read
};

/// Compares what lies below two trees. What is the same in both is not read, unless there are blobs of which only it
/// can tell whether they are still needed. Memory: a hundred bytes for each blob and folder of the folders that differ.
Result<DiffResult> diff(repo::Repository& repository, const Id& before, const Id& after, const DiffOptions& options,
                        const DiffListener& listener, const Cancel& cancel);

}  // namespace varve::files
