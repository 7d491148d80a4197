#include "storage/local.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/atomic_file.h"
#include "storage/layout.h"
#include "storage/posix.h"

namespace varve::storage {

namespace {

constexpr FileType kFoldered[] = {FileType::kKey, FileType::kLock, FileType::kSnapshot, FileType::kIndex,
                                  FileType::kPack};

/// Makes the folders between the repository's own and a file.
Status make_folders_below(const std::string& root, std::string_view relative) {
  for (size_t slash = relative.find('/'); slash != std::string_view::npos; slash = relative.find('/', slash + 1)) {
    const std::string folder = fmt::format("{}/{}", root, relative.substr(0, slash));
    TRY(posix::make_folder(folder));
    TRY(posix::sync_folder(posix::parent_of(folder)));
  }
  return {};
}

}  // namespace

std::string LocalStorage::path_of(const Handle& handle) const {
  return root_ + '/' + relative_path(handle);
}

Status LocalStorage::create(const Cancel& cancel) {
  TRY(cancel.check());
  TRY(posix::make_folders(root_));
  const auto config = stat({.type = FileType::kConfig}, cancel);
  if (config) return fail(ErrorKind::kExists, fmt::format("there is a repository in {} already", root_));
  if (config.error().kind() != ErrorKind::kNotFound) return fail(config.error());
  for (FileType type : kFoldered) TRY(posix::make_folder(fmt::format("{}/{}", root_, folder_of(type))));
  const std::string packs = fmt::format("{}/{}", root_, folder_of(FileType::kPack));
  for (int first = 0; first < 256; ++first) TRY(posix::make_folder(fmt::format("{}/{:02x}", packs, first)));
  TRY(posix::sync_folder(packs));
  return posix::sync_folder(root_);
}

Status LocalStorage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  TRY(cancel.check());
  const std::string path = path_of(handle);
  // Found out before the bytes are written; the rename says it again if two write at once.
  if (::access(path.c_str(), F_OK) == 0) return fail(system_error("cannot create " + path, EEXIST));
  auto done = write_new_file(path, payload, cancel);
  if (!done && done.error().kind() == ErrorKind::kNotFound) {
    TRY(make_folders_below(root_, relative_path(handle)));
    done = write_new_file(path, payload, cancel);
  }
  if (!done && done.error().kind() == ErrorKind::kNoSpace) {
    return fail(std::move(done).error().hint("free some space and run it again; what was stored already is kept"));
  }
  return done;
}

Result<Bytes> LocalStorage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  TRY(cancel.check());
  const std::string path = path_of(handle);
  TRY_ASSIGN(const posix::Fd file, posix::open_file(path, O_RDONLY));
  TRY_ASSIGN(const uint64_t size, posix::file_size(file, path));
  if (offset > size || length > size - offset) {
    return fail(ErrorKind::kCorrupt,
                fmt::format("{} is too short: it has {} bytes, not {}", path, size, offset + length));
  }
  Bytes out(length == 0 ? size - offset : length);
  TRY(posix::read_at(file, path, offset, out));
  return out;
}

Result<uint64_t> LocalStorage::stat(const Handle& handle, const Cancel& cancel) {
  TRY(cancel.check());
  const std::string path = path_of(handle);
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return fail(system_error("cannot look at " + path, errno));
  return static_cast<uint64_t>(info.st_size);
}

Status LocalStorage::remove(const Handle& handle, const Cancel& cancel) {
  TRY(cancel.check());
  const std::string path = path_of(handle);
  if (::unlink(path.c_str()) != 0) return fail(system_error("cannot remove " + path, errno));
  // What names packs must be gone before they are; a pack that comes back after a crash is only garbage.
  if (handle.type == FileType::kPack) return {};
  return posix::sync_folder(posix::parent_of(path));
}

}  // namespace varve::storage
