#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "files/target.h"
#include "repo/tree.h"

namespace varve::files {

/// Gives entries of the target what a snapshot keeps of them besides content: owner, extended attributes, times, mode,
/// in an order in which none undoes another. An attribute that cannot be given is an error when all else is.
/// Thread-safe.
class MetadataRestorer {
 public:
  struct Options {
    bool owners_by_name = false;
    std::function<bool(const std::string& name)> select_attribute{};  ///< none: all
  };
  /// What could not be given, and is no error: without being root an owner cannot be, and not every file system has
  /// attributes.
  struct Lacking {
    bool owner = false, attributes = false;
  };

  explicit MetadataRestorer(Options options) : options_(std::move(options)) {}

  /// Of an entry of `folder`: of that itself, if it is a symbolic link. An open regular file or folder is faster.
  Result<Lacking> restore(const repo::Node& node, const Fd& folder);
  Result<Lacking> restore_open(const repo::Node& node, const Fd& file);

 private:
  struct Owner {
    uint32_t uid, gid;
  };
  Owner owner_of(const repo::Node& node);

  const Options options_;
  std::mutex mutex_;
  std::map<std::string, uint32_t> users_, groups_;
};

/// st_mode's permission bits, setuid, setgid and sticky too, of a node's mode.
uint32_t permissions_of(const repo::Node& node);

}  // namespace varve::files
