#pragma once

#include <functional>
#include <string>

#include "files/restore_log.h"
#include "repo/repository.h"

namespace varve::files {

/// What becomes of files that are there already.
enum class Overwrite : uint8_t {
  kAlways,     ///< made equal to the snapshot's; only what differs is written
  kIfChanged,  ///< the same, but one of the same size and modification time is taken to be equal
  kIfNewer,    ///< only if the snapshot's was modified later
  kNever,
};

/// Whether an entry is wanted, and whether something below it may be.
struct Choice {
  bool taken = true, below = true;
};

struct RestoreOptions {
  std::string target;
  Overwrite overwrite = Overwrite::kAlways;
  bool remove_others = false;  ///< delete what is in a restored folder but not in the snapshot's
  bool dry_run = false;
  bool sparse = false;  ///< leave holes for zeros in new files
  bool verify = false;  ///< read what was written back and compare it
  bool owners_by_name = false;
  std::function<Choice(const std::string& path, bool is_folder)> select{};  ///< none: all
  std::function<bool(const std::string& attribute)> select_attribute{};     ///< none: all
};

struct RestoreResult {
  RestoreCounts counts;
  std::vector<Problem> problems;  ///< the first thousand of counts.errors
  uint64_t files_verified = 0;
};

/// Restores what lies below `tree` to a folder: content, modes, owners, times, hard and symbolic links, extended
/// attributes, devices, FIFOs. What cannot be restored is told to the listener and counted in `errors`; the rest is
/// restored. When it returns, all has reached the disk. A file that misses some of its content keeps the time of the
/// restore, so that it is never taken for a good one, and any other has it until its content has reached the disk. A
/// full disk, a cancel or a storage that does not answer end it. Nothing outside of the target is written,
/// whatever the snapshot or the target hold. Memory does not grow with the snapshot, but for two words for each of its
/// hard links and a bit for each file.
Result<RestoreResult> restore(repo::Repository& repository, const Id& tree, const RestoreOptions& options,
                              RestoreListener& listener, const Cancel& cancel);

}  // namespace varve::files
