#include "dump/directory.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace varve::dump {

namespace {

void close_if_open(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

Result<bool> is_empty(int folder, const std::string& shown) {
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* list = copy < 0 ? nullptr : ::fdopendir(copy);
  if (list == nullptr) {
    const int error = errno;
    if (copy >= 0) ::close(copy);
    return fail(system_error("cannot list " + shown, error));
  }
  bool empty = true;
  while (const dirent* entry = ::readdir(list)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") empty = false;
  }
  ::closedir(list);
  return empty;
}

Result<std::vector<std::string>> split(const std::string& relative) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (true) {
    const size_t end = std::min(relative.find('/', begin), relative.size());
    std::string part = relative.substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos)
      return fail(ErrorKind::kInvalidInput, "\"" + relative + "\" is not a path inside the folder");
    parts.push_back(std::move(part));
    if (end == relative.size()) return parts;
    begin = end + 1;
  }
}

/// Opens the folder `name` inside `parent`, made if it is not there; never through a link.
Result<int> enter(int parent, const std::string& name, const std::string& shown) {
  const bool made = ::mkdirat(parent, name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return fail(system_error("cannot make the folder " + shown, errno));
  if (made && ::fsync(parent) != 0) return fail(system_error("cannot sync the folder above " + shown, errno));
  const int fd = ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) return fd;
  if (errno == ELOOP || errno == ENOTDIR) return fail(ErrorKind::kDenied, shown + " is a link or file, not a folder");
  return fail(system_error("cannot open the folder " + shown, errno));
}

std::string temporary_name() {
  std::array<uint8_t, 8> random;
  random_bytes(random);
  return ".varve-" + to_hex(random) + ".part";
}

/// Renames without replacing, also where the file system cannot do that in one step.
int rename_new(int folder, const std::string& from, const std::string& to) {
  if (::renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (::linkat(folder, from.c_str(), folder, to.c_str(), 0) != 0) return errno;
  return ::unlinkat(folder, from.c_str(), 0) == 0 ? 0 : errno;
}

}  // namespace

Result<Directory> Directory::create(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(system_error("cannot make the folder " + path, errno));
  Directory directory;
  directory.path_ = path;
  directory.fd_ = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory.fd_ < 0) return fail(system_error("cannot open the folder " + path, errno));
  TRY_ASSIGN(const bool empty, is_empty(directory.fd_, path));
  if (!empty) return fail(Error(ErrorKind::kExists, path + " is not empty").hint("name a folder that does not exist"));
  return directory;
}

Directory::~Directory() {
  close_if_open(fd_);
}

Directory::Directory(Directory&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

Directory& Directory::operator=(Directory&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

Result<Directory::File> Directory::file(const std::string& relative) {
  TRY_ASSIGN(auto parts, split(relative));
  File file;
  file.shown_ = path_;
  file.folder_ = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (file.folder_ < 0) return fail(system_error("cannot open " + path_, errno));
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    file.shown_ += "/" + parts[i];
    TRY_ASSIGN(const int inner, enter(file.folder_, parts[i], file.shown_));
    close_if_open(file.folder_);
    file.folder_ = inner;
  }
  file.name_ = std::move(parts.back());
  file.shown_ += "/" + file.name_;
  file.temporary_ = temporary_name();
  file.fd_ =
      ::openat(file.folder_, file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file.fd_ < 0) return fail(system_error("cannot create " + file.shown_, errno));
  return file;
}

Directory::File::~File() {
  if (fd_ >= 0) ::unlinkat(folder_, temporary_.c_str(), 0);
  close_if_open(fd_);
  close_if_open(folder_);
}

Directory::File::File(File&& other) noexcept {
  *this = std::move(other);
}

Directory::File& Directory::File::operator=(File&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(fd_, other.fd_);
  std::swap(temporary_, other.temporary_);
  std::swap(name_, other.name_);
  std::swap(shown_, other.shown_);
  return *this;
}

Status Directory::File::write(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(system_error("cannot write " + shown_, errno));
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

Status Directory::File::commit() {
  if (::fsync(fd_) != 0) return fail(system_error("cannot sync " + shown_, errno));
  if (const int error = rename_new(folder_, temporary_, name_); error != 0)
    return fail(system_error("cannot give " + shown_ + " its name", error));
  close_if_open(fd_);
  if (::fsync(folder_) != 0) return fail(system_error("cannot sync the folder of " + shown_, errno));
  return {};
}

}  // namespace varve::dump
