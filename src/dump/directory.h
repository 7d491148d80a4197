#pragma once

#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace varve::dump {

/// Writes files below one folder and nowhere else: names come from a backup and may be hostile. Files are 0600, folders
/// 0700. Every path component is checked and opened without following links (openat, O_NOFOLLOW, O_EXCL). All is
/// gathered in a hidden folder inside, which may be another's file system, and has its place only once all of it is
/// complete and synced. One thread at a time per File; the folder may be shared.
class Directory {
 public:
  /// Creates `path` (its parent must exist); kExists if it is there and not empty.
  static Result<Directory> create(const std::string& path);
  ~Directory();  ///< without publish() all is removed, and `path` too if it was created
  Directory(Directory&&) noexcept;
  Directory& operator=(Directory&&) noexcept;

  /// Gives what was written its place, all of it or nothing; after the last File. Nothing is replaced.
  Status publish();

  class File {
   public:
    ~File();  ///< removes the temporary file if commit was not called
    File(File&&) noexcept;
    File& operator=(File&&) noexcept;
    Status write(ByteView bytes);
    /// Syncs and gives it its name, in the hidden folder.
    Status commit();

   private:
    friend class Directory;
    File() = default;
    int folder_ = -1;
    int fd_ = -1;
    std::string temporary_, name_, shown_;
  };

  /// `relative`: components joined by '/', e.g. "shop/orders.bson". kInvalidInput for "..", ".", empty or NUL-holding
  /// ones.
  Result<File> file(const std::string& relative);
  const std::string& path() const { return path_; }

 private:
  Directory() = default;
  int fd_ = -1;         ///< of the folder
  int hidden_fd_ = -1;  ///< of the one inside, while there is one
  bool created_ = false;
  std::string path_, hidden_;
};

}  // namespace varve::dump
