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

Result<std::vector<std::string>> names_in(int folder, const std::string& shown) {
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* list = copy < 0 ? nullptr : ::fdopendir(copy);
  if (list == nullptr) {
    const int error = errno;
    if (copy >= 0) ::close(copy);
    return fail(system_error("cannot list " + shown, error));
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(list)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(list);
  return names;
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

/// Renames a file without replacing, also where the file system cannot do that in one step.
int rename_new(int folder, const std::string& from, const std::string& to) {
  if (::renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (::linkat(folder, from.c_str(), folder, to.c_str(), 0) != 0) return errno;
  return ::unlinkat(folder, from.c_str(), 0) == 0 ? 0 : errno;
}

/// The same for a file or a folder that goes into another folder; where it cannot be done in one step, whoever puts
/// something there in the moment between loses a file.
int move_new(int from, const std::string& name, int to) {
  if (::renameat2(from, name.c_str(), to, name.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  struct stat info {};
  if (::fstatat(to, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  return ::renameat(from, name.c_str(), to, name.c_str()) == 0 ? 0 : errno;
}

/// A folder of ours and all in it; what cannot be removed stays.
void remove_tree(int parent, const std::string& name) {
  const int fd = ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return void(::unlinkat(parent, name.c_str(), 0));
  if (const auto names = names_in(fd, name)) {
    for (const auto& each : *names) remove_tree(fd, each);
  }
  ::close(fd);
  ::unlinkat(parent, name.c_str(), AT_REMOVEDIR);
}

}  // namespace

Result<Directory> Directory::create(const std::string& path) {
  Directory directory;
  directory.created_ = ::mkdir(path.c_str(), 0700) == 0;
  if (!directory.created_ && errno != EEXIST) return fail(system_error("cannot make the folder " + path, errno));
  directory.path_ = path;
  directory.fd_ = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory.fd_ < 0) return fail(system_error("cannot open the folder " + path, errno));
  TRY_ASSIGN(const auto names, names_in(directory.fd_, path));
  if (!names.empty()) {
    Error error(ErrorKind::kExists, path + " is not empty");
    if (names.size() == 1 && names[0].starts_with(".varve-")) error.hint("it holds what an export that died left");
    return fail(std::move(error).hint("name a folder that does not exist"));
  }
  const auto hidden = temporary_name();
  TRY_ASSIGN(directory.hidden_fd_, enter(directory.fd_, hidden, path + "/" + hidden));
  directory.hidden_ = hidden;
  return directory;
}

Status Directory::publish() {
  TRY_ASSIGN(const auto names, names_in(hidden_fd_, path_));
  for (auto name = names.begin(); name != names.end(); ++name) {
    const int error = move_new(hidden_fd_, *name, fd_);
    if (error == 0) continue;
    // All or nothing: what was moved goes with the rest.
    std::for_each(names.begin(), name, [this](const auto& moved) { (void)move_new(fd_, moved, hidden_fd_); });
    return fail(system_error("cannot give " + path_ + "/" + *name + " its place", error));
  }
  close_if_open(hidden_fd_);
  ::unlinkat(fd_, hidden_.c_str(), AT_REMOVEDIR);
  if (::fsync(fd_) != 0) return fail(system_error("cannot sync the folder " + path_, errno));
  return {};
}

Directory::~Directory() {
  if (hidden_fd_ >= 0) {
    remove_tree(fd_, hidden_);
    if (created_) ::rmdir(path_.c_str());
  }
  close_if_open(hidden_fd_);
  close_if_open(fd_);
}

Directory::Directory(Directory&& other) noexcept {
  *this = std::move(other);
}

Directory& Directory::operator=(Directory&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(hidden_fd_, other.hidden_fd_);
  std::swap(created_, other.created_);
  std::swap(path_, other.path_);
  std::swap(hidden_, other.hidden_);
  return *this;
}

Result<Directory::File> Directory::file(const std::string& relative) {
  TRY_ASSIGN(auto parts, split(relative));
  File file;
  file.shown_ = path_;
  file.folder_ = ::fcntl(hidden_fd_, F_DUPFD_CLOEXEC, 0);
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
