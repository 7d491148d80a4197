#pragma once

#include <optional>
#include <string>
#include <vector>

#include "files/ledger.h"
#include "files/selection.h"
#include "files/sources.h"
#include "repo/destinations.h"
#include "repo/writer.h"

namespace varve::files {

struct ArchiveOptions {
  SelectionRules selection{};
  bool with_atime = false;
  bool ignore_ctime = false, ignore_inode = false;  ///< in telling whether a file has changed
  unsigned readers = 0;                             ///< files read at once; 0: two
  bool scan = true;                                 ///< find out how much there is while the backup runs
};

/// Stores files and folders and gives the root tree's id, with trees as restic writes them. What the parent snapshot
/// has, what has not changed since, and what all destinations hold is not read. What cannot be read becomes a problem
/// and is left out. Memory: the entries of the folders that are being read, those of one branch from the root down.
/// kNotFound if nothing is left to be stored.
Result<Id> archive(repo::Destinations& to, repo::Writer& writer, const std::vector<std::string>& paths,
                   const std::optional<repo::ParentTree>& parent, const ArchiveOptions& options, Ledger& ledger,
                   Reporter& reporter, const Cancel& cancel);

}  // namespace varve::files
