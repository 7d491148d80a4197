#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "files/owners.h"
#include "repo/tree.h"

namespace varve::files {

/// A file, folder or other thing of this machine as it was looked at: by lstat, or by fstat where it is open.
struct LocalFile {
  std::string path;
  struct stat stat {};
  int fd = -1;
};

/// Nothing for what no tree has a word for.
std::optional<repo::NodeType> type_of(const struct stat& stat);
Time modified_at(const struct stat& stat);
Time changed_at(const struct stat& stat);

/// What restic 0.19 keeps of it on Linux, field by field, without content and subtree. `name` is its name in the
/// snapshot. Without `with_atime` the access time is the modification time, so that reading a file does not change its
/// node. Extended attributes that cannot be read are left out, and `problems` says so. An error if there is nothing
/// worth keeping: a link whose target cannot be read, a thing of no known type.
struct Describe {
  Owners& owners;
  bool with_atime = false;

  Result<repo::Node> operator()(const LocalFile& file, std::string name, std::vector<Error>& problems) const;
};

/// Whether two nodes say the same; the order of extended attributes does not count.
bool same_node(const repo::Node& a, const repo::Node& b);

}  // namespace varve::files
