#pragma once

#include "files/local_node.h"
#include "storage/posix.h"

namespace varve::files {

/// A file or folder that is open for reading, as fstat sees it.
struct OpenSource {
  storage::posix::Fd fd;
  LocalFile file;
};

/// Opens what is to be read: no link is followed, nothing waits for the other end of a pipe, and the access time stays
/// as it is where the system allows that.
Result<OpenSource> open_source(const std::string& path, int flags = 0);
/// As it is, unopened; a link itself.
Result<LocalFile> look_at(const std::string& path);

}  // namespace varve::files
