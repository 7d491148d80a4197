#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "repo/repository.h"

namespace varve::maintenance {

/// Whether a file or folder, given by its path from "/", is to be left out, a folder with all below it.
using IsLeftOut = std::function<bool(const std::string& path)>;

struct RewriteOptions {
  IsLeftOut is_left_out;  ///< nothing is, if empty
  std::string new_host;   ///< as it was, if empty
  std::optional<Time> new_time;
  bool summarise = false;  ///< counts files and bytes anew even if nothing is left out
  bool forget = false;     ///< removes the old snapshot; otherwise the new one gets the tag "rewrite"
  bool dry_run = false;
};

/// What became of one snapshot.
struct RewriteOutcome {
  enum class Kind : uint8_t {
    kUnchanged,
    kRewritten,  ///< or would be, in a dry run
    kFailed,     ///< something that the new one needs is damaged; it stays as it is
  };
  Kind kind = Kind::kUnchanged;
  Id before;
  Id after{};             ///< kRewritten; null in a dry run
  Id tree{};              ///< kRewritten: the new one's
  uint64_t left_out = 0;  ///< files and folders, not counting what is below a folder
  std::string why{};      ///< kFailed
};

/// Saves snapshots anew, without some of their files or with another host or time. Trees in which nothing changes keep
/// their ids, and in those that change every other entry stays byte for byte what it was. The new snapshots are saved
/// once all of their trees are durable; with `forget` each old one is removed after its successor is there. `decided`
/// is called for each, so that what was done is known even if the rest fails. The index must be loaded, the repository
/// locked: exclusively with `forget`.
Result<std::vector<RewriteOutcome>> rewrite(repo::Repository& repository, const std::vector<repo::Snapshot>& snapshots,
                                            const RewriteOptions& options,
                                            const std::function<void(const RewriteOutcome&)>& decided,
                                            Reporter& reporter, const Cancel& cancel);

}  // namespace varve::maintenance
