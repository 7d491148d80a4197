#pragma once

#include <optional>
#include <string>
#include <vector>

#include "files/ledger.h"
#include "repo/destinations.h"

namespace varve::files {

/// What the parent snapshot has in one folder. Asked for names in ascending order; each node is given away.
class ParentFolder {
 public:
  /// Empty if there is no tree, or if the destination that has it, the one `of`, was given up meanwhile. So too if it
  /// cannot be read, which is a problem: the backup can do without it, but the repository may be damaged.
  static Result<ParentFolder> load(repo::Destinations& to, size_t of, const std::optional<Id>& tree, Ledger& ledger,
                                   const Cancel& cancel);

  std::optional<repo::Node> take(const std::string& name);

 private:
  std::vector<repo::Node> nodes_;
  size_t next_ = 0;
};

}  // namespace varve::files
