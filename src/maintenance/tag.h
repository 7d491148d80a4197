#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repo/repository.h"

namespace varve::maintenance {

struct TagChange {
  std::optional<std::vector<std::string>> set;  ///< in place of all that there are
  std::vector<std::string> add, remove;
};

/// The tags after the change.
std::vector<std::string> changed_tags(const std::vector<std::string>& tags, const TagChange& change);

/// Saves the snapshot with other tags and then removes the old one; nothing else of it changes. Gives the new one's id,
/// or nothing if it has these tags already. Under an exclusive lock.
Result<std::optional<Id>> change_tags(repo::Repository& repository, const repo::Snapshot& snapshot,
                                      const TagChange& change, const Cancel& cancel);

}  // namespace varve::maintenance
