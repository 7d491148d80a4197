#pragma once

#include <vector>

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cancel.h"
#include "storage/posix.h"

namespace varve::files {

using storage::posix::Fd;

/// An entry of a folder, if it is a regular file; never through a symbolic link, and without waiting for the other end
/// of a FIFO.
Result<Fd> open_regular(const Fd& folder, const std::string& name, int flags);

Status write_at(const Fd& file, ByteView bytes, uint64_t offset);
/// Leaves out the zeros that fill blocks: the file must have been made large enough, and be empty there.
Status write_around_zeros(const Fd& file, ByteView bytes, uint64_t offset);
/// Which of the blobs, laid one after the other, the file holds.
Result<std::vector<bool>> matching_blobs(const Fd& file, const std::vector<Id>& content,
                                         const std::vector<uint32_t>& lengths, const Cancel& cancel);

}  // namespace varve::files
