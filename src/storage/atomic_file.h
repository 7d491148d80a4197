#pragma once

#include "storage/storage.h"

namespace varve::storage {

/// Writes a new file so that under `path` there is at every moment either nothing or the whole of it, and that it has
/// reached the disk when this returns: a temporary file in the same folder, forced to disk, renamed, and the folder
/// forced to disk. Mode 0400. When it fails nothing is left, and the error tells why. kExists if `path` is taken.
Status write_new_file(const std::string& path, Payload payload, const Cancel& cancel);

}  // namespace varve::storage
