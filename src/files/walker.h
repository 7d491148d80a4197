#pragma once

#include "files/archiver.h"
#include "files/file_saver.h"
#include "files/parent_folder.h"
#include "files/tree_saver.h"

namespace varve::files {

/// Where something lies: as it is opened, and absolute, as exclude rules see it.
struct Place {
  std::string path, absolute;

  Place below(const std::string& name) const;
};

/// Walks the sources, decides what is to be read, and opens folders for the TreeSaver. One thread.
class Walker {
 public:
  struct Parts {
    repo::Destinations& to;
    size_t parent_of;  ///< in which of them the parent snapshot is
    const Describe& describe;
    FileSaver& files;
    TreeSaver& trees;
    Ledger& ledger;
  };

  Walker(const Parts& parts, const ArchiveOptions& options, Selection selection, std::string working_folder)
      : parts_(parts),
        options_(options),
        selection_(std::move(selection)),
        working_folder_(std::move(working_folder)) {}

  /// Everything below the root; the root folder is let go of in the end.
  Status walk(const Source& root, const std::optional<Id>& parent_tree, const Cancel& cancel);

 private:
  using Previous = std::optional<repo::Node>;

  Status walk_below(const Source& source, const std::shared_ptr<PendingFolder>& folder, const Cancel& cancel);
  Status save_folder_above(const std::string& name, const Source& source, Previous previous,
                           const std::shared_ptr<PendingFolder>& into, const Cancel& cancel);
  Status save(const std::string& name, const Place& place, bool is_named, Previous previous,
              const std::shared_ptr<PendingFolder>& into, const Cancel& cancel);
  Status save_file(const std::string& name, const LocalFile& file, Previous previous,
                   const std::shared_ptr<PendingFolder>& into, const Cancel& cancel);
  Status save_folder(const std::string& name, const Place& place, Previous previous,
                     const std::shared_ptr<PendingFolder>& into, const Cancel& cancel);
  Status save_other(const std::string& name, const LocalFile& file, const std::shared_ptr<PendingFolder>& into);

  bool is_unmodified(const LocalFile& file, const repo::Node& previous) const;
  bool has_content(const LocalFile& file, const repo::Node& previous);
  Result<ParentFolder> load_parent(const Previous& previous, const Cancel& cancel);
  /// Nothing, and a problem, if it cannot be described.
  std::optional<repo::Node> describe(const LocalFile& file, const std::string& name);
  std::shared_ptr<PendingFolder> open_folder(repo::Node node, Previous previous,
                                             const std::shared_ptr<PendingFolder>& into);

  const Parts parts_;
  const ArchiveOptions& options_;
  Selection selection_;
  const std::string working_folder_;
};

}  // namespace varve::files
