#pragma once

#include <memory>
#include <string>

#include "files/dump.h"

namespace varve::files {

/// Writes a tar or a zip entry by entry. Holds libarchive, which nothing else knows.
class Archive {
 public:
  static Result<std::unique_ptr<Archive>> make(ArchiveFormat format, const DumpSink& sink);
  ~Archive();

  /// Whether the format has entries of that kind.
  bool takes(repo::NodeType type) const;
  bool has_hard_links() const;
  /// Begins an entry. `name` is relative. `hard_link` names an earlier entry that is the same file; it has no content
  /// then. A file's content follows, in all as many bytes as its size.
  Status begin(const std::string& name, const repo::Node& node, const std::string& hard_link);
  Status content(ByteView bytes);
  Status end_entry();
  /// Ends the archive.
  Status finish();

 private:
  struct State;
  explicit Archive(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

/// An ACL as Linux keeps it in an extended attribute, as text for a tar: "user::rw-\nuser:1000:r--\n". Empty if it is
/// none.
std::string acl_text(ByteView attribute);

}  // namespace varve::files
