#include "dump/source_folder.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace varve::dump {

namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

SourceFolder::Kind kind_of(int folder, const dirent& entry) {
  struct stat status {};
  if (::fstatat(folder, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return SourceFolder::Kind::kOther;
  if (S_ISREG(status.st_mode)) return SourceFolder::Kind::kFile;
  if (S_ISDIR(status.st_mode)) return SourceFolder::Kind::kFolder;
  return S_ISLNK(status.st_mode) ? SourceFolder::Kind::kLink : SourceFolder::Kind::kOther;
}

}  // namespace

Result<SourceFolder> SourceFolder::open(const std::string& path) {
  InputFile folder(::open(path.c_str(), kFolderFlags));
  if (folder.fd() < 0) return fail(system_error("cannot open the folder " + path, errno));
  return SourceFolder(std::move(folder),
                      path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path);
}

Result<SourceFolder> SourceFolder::enter(const std::string& name) const {
  const auto path = shown_ + "/" + name;
  InputFile folder(::openat(folder_.fd(), name.c_str(), kFolderFlags | O_NOFOLLOW));
  if (folder.fd() < 0) return fail(system_error("cannot open the folder " + path, errno));
  return SourceFolder(std::move(folder), path);
}

Result<InputFile> SourceFolder::file(const std::string& name) const {
  return InputFile::open(folder_.fd(), name, shown_ + "/" + name);
}

Result<std::vector<SourceFolder::Entry>> SourceFolder::list() const {
  const int copy = ::openat(folder_.fd(), ".", kFolderFlags);
  const std::unique_ptr<DIR, int (*)(DIR*)> open(copy < 0 ? nullptr : ::fdopendir(copy), ::closedir);
  if (!open) {
    const int error = errno;
    if (copy >= 0) ::close(copy);
    return fail(system_error("cannot list the folder " + shown_, error));
  }
  std::vector<Entry> entries;
  errno = 0;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") entries.push_back({std::string(name), kind_of(folder_.fd(), *entry)});
    errno = 0;
  }
  if (errno != 0) return fail(system_error("cannot list the folder " + shown_, errno));
  std::ranges::sort(entries, {}, &Entry::name);
  return entries;
}

}  // namespace varve::dump
