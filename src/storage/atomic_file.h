#pragma once

#include <string>

#include "storage/posix.h"
#include "storage/storage.h"

namespace varve::storage {

/// Writes a new file so that under `path` there is at every moment either nothing or the whole of it, and that it has
/// reached the disk when this returns: a temporary file in the same folder, forced to disk, renamed, and the folder
/// forced to disk. Mode 0400. When it fails nothing is left, and the error tells why. kExists if `path` is taken.
Status write_new_file(const std::string& path, Payload payload, const Cancel& cancel);

/// A file that comes bit by bit and takes its name only when all of it has reached the disk; what has that name till
/// then is as it was, and stays so if this goes before.
class Replacement {
 public:
  enum class Access : uint8_t {
    kAsBefore,  ///< the mode of what it replaces, and the owner where that may be; else what the umask leaves
    kOwner,     ///< nobody else may read it, whatever was there
  };
  /// `path` names a regular file, perhaps by a symbolic link, or nothing yet.
  static Result<Replacement> begin(const std::string& path, Access access = Access::kAsBefore);
  ~Replacement();
  Replacement(Replacement&& other) noexcept;
  Replacement& operator=(Replacement&&) = delete;

  Status write(ByteView bytes, const Cancel& cancel);
  /// Nothing comes after it.
  Status publish();

 private:
  Replacement(std::string path, std::string temporary, posix::Fd file)
      : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

  std::string path_;
  std::string temporary_;  ///< empty once it has its name
  posix::Fd file_;
};

}  // namespace varve::storage
