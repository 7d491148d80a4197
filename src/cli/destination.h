#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/cancel.h"
#include "cli/output.h"
#include "storage/atomic_file.h"

namespace varve::cli {

/// Where one stream of bytes goes.
class Destination {
 public:
  virtual ~Destination() = default;
  virtual Status write(ByteView bytes) = 0;
  /// All are there.
  virtual Status finish() { return {}; }
};

/// Standard output if `path` is empty; a pipe or device that is there; else a file that gets its name only when it is
/// whole and on disk, and until then one of that name stays. `output` and `cancel` must outlive it.
Result<std::unique_ptr<Destination>> open_destination(const std::string& path, storage::Replacement::Access access,
                                                      Output& output, const Cancel& cancel);

/// kNoSpace if the file system of `path`, or of the folder that it will be in, has less than `least` bytes free; a
/// warning if it has less than `most`. A pipe, a device and a file system that does not tell have room enough.
Status check_free_space(const std::string& path, uint64_t least, uint64_t most, Output& output);

}  // namespace varve::cli
