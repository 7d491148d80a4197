#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "base/reporter.h"
#include "base/result.h"
#include "files/exclude.h"

namespace varve::files {

/// A file whose presence says that the rest of its folder is not to be backed up.
struct FolderTag {
  std::string name;
  std::string header;  ///< what it must begin with; may be empty

  /// "NAME" or "NAME:HEADER", as --exclude-if-present takes it.
  static Result<FolderTag> parse(const std::string& text);
  /// The file of the Cache Directory Tagging Standard.
  static FolderTag cache();
};

struct SelectionRules {
  ExcludeRules exclude;
  std::vector<FolderTag> folder_tags;
  std::optional<uint64_t> larger_than;  ///< bytes
  bool one_file_system = false;
};

/// Decides what a walk takes. Paths are absolute and clean. Remembers what it learnt about folders; one thread at a
/// time.
class Selection {
 public:
  /// `sources` are the absolute paths that the user named; whose file systems are those of one_file_system.
  Selection(const SelectionRules& rules, const std::vector<std::string>& sources, Reporter& reporter);

  /// By its path alone, before it is looked at.
  bool takes_path(const std::string& path) const { return !rules_.exclude.matches(path); }
  bool takes(const std::string& path, const struct stat& stat);

 private:
  bool on_a_source_device(const std::string& path, const struct stat& stat) const;
  bool is_beyond_file_system(const std::string& path, const struct stat& stat) const;
  bool is_tagged(const std::string& folder, const FolderTag& tag) const;
  bool is_below_tag(const std::string& path);

  const SelectionRules& rules_;
  Reporter& reporter_;
  std::map<std::string, dev_t> devices_;                    ///< by source
  std::map<std::string, std::vector<std::string>> tagged_;  ///< by folder: the tags that it bears
};

}  // namespace varve::files
