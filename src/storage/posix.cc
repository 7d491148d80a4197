#include "storage/posix.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace varve::storage::posix {

namespace {

tl::unexpected<Error> failed(std::string_view verb, const std::string& path, int error_number) {
  return fail(system_error(fmt::format("cannot {} {}", verb, path), error_number));
}

/// What the medium holds and cannot give is damage of this file, not a store that does not answer: others can be read.
tl::unexpected<Error> unreadable(std::string_view verb, const std::string& path, int error_number) {
  auto error = system_error(fmt::format("cannot {} {}", verb, path), error_number);
  const bool damaged = error_number == EIO || error_number == EBADMSG || error_number == EUCLEAN;
  return fail(damaged ? Error(ErrorKind::kCorrupt, error.message()) : std::move(error));
}

/// Drops what has been written from the front.
void advance(std::vector<iovec>& pieces, size_t& next, size_t written) {
  while (next < pieces.size() && written >= pieces[next].iov_len) written -= pieces[next++].iov_len;
  if (written == 0) return;
  pieces[next].iov_base = static_cast<uint8_t*>(pieces[next].iov_base) + written;
  pieces[next].iov_len -= written;
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

bool means_unsupported(int error_number) {
  return error_number == EINVAL || error_number == ENOSYS || error_number == ENOTSUP;
}

}  // namespace

Result<Fd> open_file(const std::string& path, int flags, unsigned mode) {
  int fd;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  const bool to_read = (flags & (O_ACCMODE | O_DIRECTORY)) == O_RDONLY;
  if (fd < 0 && to_read) return unreadable("open", path, errno);
  if (fd < 0) return failed((flags & O_CREAT) != 0 ? "create" : "open", path, errno);
  return Fd(fd);
}

Result<uint64_t> file_size(const Fd& file, const std::string& path) {
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return failed("look at", path, errno);
  return static_cast<uint64_t>(info.st_size);
}

Status write_all(const Fd& file, const std::string& path, Payload payload, const Cancel& cancel) {
  constexpr size_t kAtOnce = 16;
  std::vector<iovec> pieces;
  for (ByteView piece : payload) pieces.push_back({const_cast<uint8_t*>(piece.data()), piece.size()});
  size_t next = 0;
  while (next < pieces.size()) {
    TRY(cancel.check());
    const auto count = static_cast<int>(std::min(kAtOnce, pieces.size() - next));
    const ssize_t written = ::writev(file.get(), &pieces[next], count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write", path, errno);
    advance(pieces, next, static_cast<size_t>(written));
  }
  return {};
}

Status read_at(const Fd& file, const std::string& path, uint64_t offset, std::span<uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = ::pread(file.get(), out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable("read", path, errno);
    if (got == 0) return fail(ErrorKind::kCorrupt, fmt::format("{} ends too early, at byte {}", path, offset));
    offset += static_cast<uint64_t>(got);
    out = out.subspan(static_cast<size_t>(got));
  }
  return {};
}

Status sync(const Fd& file, const std::string& path) {
  if (::fsync(file.get()) != 0 && !means_unsupported(errno)) return failed("force to disk", path, errno);
  return {};
}

Status sync_folder(const std::string& path) {
  TRY_ASSIGN(const Fd folder, open_file(path, O_RDONLY | O_DIRECTORY));
  return sync(folder, path);
}

Status sync_file_system(const Fd& file, const std::string& path) {
  if (::syncfs(file.get()) != 0 && !means_unsupported(errno)) {
    return failed("force to disk what was written to", path, errno);
  }
  return {};
}

Status make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("make the folder", path, errno);
  return {};
}

Status make_folders(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return fail(ErrorKind::kInvalidInput, fmt::format("{} is not a folder", path));
  }
  const std::string parent = parent_of(path);
  if (parent != path) TRY(make_folders(parent));
  TRY(make_folder(path));
  return sync_folder(parent);
}

// Not every file system can rename without replacing: then a second link does it; and where there are none either, a
// look beforehand must do.
Status rename_new(const std::string& from, const std::string& to) {
  const char* source = from.c_str();
  const char* target = to.c_str();
  if (::renameat2(AT_FDCWD, source, AT_FDCWD, target, RENAME_NOREPLACE) == 0) return {};
  if (!means_unsupported(errno)) return failed("create", to, errno);
  if (::link(source, target) == 0) {
    ::unlink(source);
    return {};
  }
  if (!means_unsupported(errno) && errno != EPERM) return failed("create", to, errno);
  if (::access(target, F_OK) == 0) return failed("create", to, EEXIST);
  if (::rename(source, target) != 0) return failed("create", to, errno);
  return {};
}

Result<std::vector<std::string>> names_in(const Fd& folder) {
  const int own = ::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);  // with a position of its own
  const std::unique_ptr<DIR, CloseFolder> stream(own < 0 ? nullptr : ::fdopendir(own));
  if (!stream) return fail(system_error("cannot list the folder", errno));
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return fail(system_error("cannot list the folder", errno));
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());  // broken file systems name things twice
  return names;
}

Result<std::vector<std::string>> names_in(const std::string& path) {
  TRY_ASSIGN(const Fd folder, open_file(path, O_RDONLY | O_DIRECTORY));
  return names_in(folder);
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace varve::storage::posix
