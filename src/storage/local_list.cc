#include <cerrno>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "storage/layout.h"
#include "storage/local.h"
#include "storage/posix.h"

namespace varve::storage {

namespace {

/// Nothing if there is no such folder.
Result<std::optional<std::vector<std::string>>> names_if_there(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
  TRY_ASSIGN(auto names, posix::names_in(path));
  return std::optional(std::move(names));
}

/// Whoever copies a repository may well leave out the locks.
bool may_lack_its_folder(FileType type) {
  return type == FileType::kLock;
}

/// Locks come and go, and a pack that is gone is missed by whoever needs it. What misses a snapshot would take its data
/// for garbage.
bool may_vanish(FileType type) {
  return type == FileType::kLock || type == FileType::kPack;
}

/// A copy that is not finished, or something that is not mounted, must not look like an empty repository: what nobody
/// refers to is removed.
Status require_folder(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) return {};
  if (errno != ENOENT) return fail(system_error("cannot look at " + path, errno));
  return fail(Error(ErrorKind::kUnavailable, "the folder " + path + " is missing, which every repository has")
                  .hint("is all of the repository mounted and copied here?")
                  .hint("if it never held anything, or is lost for good, make it anew: mkdir " + path));
}

/// The folders that hold files of a type, relative to the repository's.
std::vector<std::string> folders_of(FileType type) {
  const std::string folder(folder_of(type));
  if (type != FileType::kPack) return {folder};
  std::vector<std::string> folders;  // each made when the first pack comes into it
  for (int first = 0; first < 256; ++first) folders.push_back(fmt::format("{}/{:02x}", folder, first));
  return folders;
}

}  // namespace

Status LocalStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  const auto visit_one = [&](const Handle& handle) -> Status {
    const auto size = stat(handle, cancel);
    if (size) return visit({.id = handle.id, .size = *size});
    if (size.error().kind() != ErrorKind::kNotFound) return fail(size.error());
    if (type == FileType::kConfig || may_vanish(type)) return {};
    return fail(Error(ErrorKind::kUnavailable, handle.path() + " is in its folder, but cannot be found there")
                    .hint("if somebody removed it just now, try again"));
  };
  TRY(cancel.check());
  if (type == FileType::kConfig) return visit_one({.type = type});
  if (!may_lack_its_folder(type)) TRY(require_folder(fmt::format("{}/{}", root_, folder_of(type))));
  for (const std::string& folder : folders_of(type)) {
    TRY_ASSIGN(const auto names, names_if_there(fmt::format("{}/{}", root_, folder)));
    if (!names) continue;
    for (const std::string& name : *names) {
      const auto id = id_of_name(name);
      // A pack that lies in another pack's folder can't be opened, so it isn't there.
      if (!id || relative_path({type, *id}) != fmt::format("{}/{}", folder, name)) continue;
      TRY(visit_one({type, *id}));
    }
  }
  return {};
}

}  // namespace varve::storage
