#include "files/open_source.h"

#include <cerrno>

#include <fcntl.h>

namespace varve::files {

namespace {

int open_with(const std::string& path, int flags) {
  int fd = -1;
  do fd = ::open(path.c_str(), flags);
  while (fd < 0 && errno == EINTR);
  return fd;
}

}  // namespace

Result<OpenSource> open_source(const std::string& path, int flags) {
  flags |= O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC | O_NONBLOCK;
  int fd = open_with(path, flags | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = open_with(path, flags);                 // a file of somebody else
  if (fd < 0 && errno == EAGAIN) fd = open_with(path, flags & ~O_NONBLOCK);  // held by a file server, for a moment
  if (fd < 0) return fail(system_error("cannot open it, so it was left out", errno));
  OpenSource opened{storage::posix::Fd(fd), {path, {}, fd}};
  if (fstat(fd, &opened.file.stat) != 0) return fail(system_error("cannot look at it, so it was left out", errno));
  return opened;
}

Result<LocalFile> look_at(const std::string& path) {
  LocalFile file{path, {}, -1};
  if (lstat(path.c_str(), &file.stat) != 0) {
    return fail(system_error("cannot look at it, so it was left out", errno));
  }
  return file;
}

}  // namespace varve::files
