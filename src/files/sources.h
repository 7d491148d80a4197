#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace varve::files {

/// How the paths that are to be backed up lie in the tree of the snapshot, as restic arranges them: an absolute path
/// below the folders that lead to it, a relative one from its first name on; `..` leaves no trace. A path that is a
/// folder only by `.`, `..` or `/` stands for what is in it.
struct Source {
  std::map<std::string, Source> below;  ///< by name, ascending
  /// Of what is backed up here with all that is in it; empty for a folder of which only `below` is taken.
  std::string path;
  std::string folder;     ///< where such a folder's own metadata is found; empty for the root
  bool is_named = false;  ///< the user named this very path: exclude rules do not apply to it

  bool is_leaf() const { return !path.empty(); }
};

/// The root. Looks into folders where it must: for `.`, and where a path lies below another one.
Result<Source> arrange_sources(const std::vector<std::string>& paths);

}  // namespace varve::files
