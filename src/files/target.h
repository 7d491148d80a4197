#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include <sys/stat.h>

#include "base/cancel.h"
#include "storage/posix.h"

namespace varve::files {

using storage::posix::Fd;

struct TargetFolder;
using FolderPtr = std::shared_ptr<const TargetFolder>;

/// A folder below a target: a name in its parent. Holding the last one of a path holds the path.
struct TargetFolder {
  TargetFolder() = default;
  TargetFolder(FolderPtr its_parent, std::string its_name) : parent(std::move(its_parent)), name(std::move(its_name)) {}
  /// Lets go of a path one by one: each calling the next would take a stack as deep as the folders are.
  ~TargetFolder();
  TargetFolder(const TargetFolder&) = delete;
  TargetFolder& operator=(const TargetFolder&) = delete;

  FolderPtr parent;  ///< none: the target itself
  std::string name;
};

/// "/a/b", or "/" for the target itself.
std::string path_of(const TargetFolder& folder);

/// The place that a restore writes into. Every folder below it is opened name by name and never through a symbolic
/// link, so that nothing outside can be written, whatever the target holds or others put there meanwhile. Thread-safe.
class Target {
 public:
  /// `path` is made, with its parents, unless `make` is false; it may be a symbolic link. Not an error if it is missing
  /// then: it holds nothing.
  static Result<std::unique_ptr<Target>> open(const std::string& path, bool make);

  const FolderPtr& root() const { return root_; }
  /// The folder, open for the *at calls. kNotFound if it is not there, or if a name of its path is not a folder.
  Result<std::shared_ptr<const Fd>> open(const FolderPtr& folder);
  /// All that was written to its folders, on whatever file systems they lie, has reached the disk when this returns.
  /// One wait for very many files: nothing to be done for each of them.
  Status sync();
  /// Where an entry of a folder lies, for messages.
  std::string path_of(const TargetFolder& folder, const std::string& name) const;

 private:
  struct Entry {
    FolderPtr folder;
    std::shared_ptr<const Fd> fd;
  };
  explicit Target(std::string path) : path_(std::move(path)) {}
  void remember(const FolderPtr& folder, std::shared_ptr<const Fd> fd);
  void note_file_system(const std::shared_ptr<const Fd>& folder);

  const std::string path_;
  const FolderPtr root_ = std::make_shared<const TargetFolder>();
  std::shared_ptr<const Fd> root_fd_;  ///< none: it is missing
  std::mutex mutex_;
  std::list<Entry> recent_;  ///< the most recently used first
  std::unordered_map<const TargetFolder*, std::list<Entry>::iterator> open_;
  std::map<dev_t, std::shared_ptr<const Fd>> file_systems_;  ///< a folder of each
};

/// lstat of an entry; nothing if there is none.
Result<std::optional<struct stat>> look_at(const Fd& folder, const std::string& name);
/// Not an error if there is none. A folder goes only if it is empty, or with all that is in it if `with_content`.
/// Symbolic links are removed, never followed.
Status remove_entry(const Fd& folder, const std::string& name, bool with_content, const Cancel& cancel);
/// Opens a folder that is an entry of another, not through a symbolic link.
Result<Fd> open_folder(const Fd& parent, const std::string& name);

}  // namespace varve::files
