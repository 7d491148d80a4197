#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "repo/destinations.h"
#include "repo/writer.h"

namespace varve::job {

/// A file's content as it was stored.
struct StoredFile {
  std::vector<Id> blobs;
  uint64_t size = 0;
};

/// Nodes as ours are: files 0600, folders 0700, no owners, one time for all three.
repo::Node file_node(std::string name, StoredFile file, Time time);
repo::Node folder_node(std::string name, const Id& tree, Time time);

/// Collects the files of a snapshot and writes its folders. Nodes are deterministic; a file's times are those of the
/// snapshot in which its content last changed, taken over from the parent's node where equal, so that unchanged folders
/// deduplicate. One thread.
class TreeBuilder {
 public:
  /// `parent`: the root of the snapshot before, if there was one. `now`: the time of this snapshot.
  TreeBuilder(repo::Destinations& to, std::optional<repo::ParentTree> parent, Time now);

  /// `path` from the root, without a leading slash. A path is added once.
  void add(const std::string& path, StoredFile file);

  struct Summary {
    Id root;
    uint64_t files_new = 0, files_changed = 0, files_unmodified = 0;
    uint64_t dirs_new = 0, dirs_changed = 0, dirs_unmodified = 0;
    uint64_t files = 0, bytes = 0;
  };
  /// Writes every folder, bottom up, and gives the root.
  Result<Summary> write(repo::Writer& writer, const Cancel& cancel);

 private:
  struct Folder {
    std::map<std::string, Folder> folders;
    std::map<std::string, StoredFile> files;
  };
  using ParentNodes = std::map<std::string, repo::Node>;

  Result<ParentNodes> parent_nodes(const std::optional<Id>& tree, const Cancel& cancel);
  repo::Node make_file(const std::string& name, StoredFile file, const ParentNodes& parents);
  Result<repo::Node> make_folder(const std::string& name, Folder& folder, const ParentNodes& parents,
                                 repo::Writer& writer, const Cancel& cancel);
  struct Written {
    Id id;
    Time changed;
  };
  Result<Written> write_folder(Folder& folder, const std::optional<Id>& parent, repo::Writer& writer,
                               const Cancel& cancel);

  repo::Destinations& to_;
  std::optional<repo::ParentTree> parent_;
  Time now_;
  Folder root_;
  Summary summary_;
};

}  // namespace varve::job
