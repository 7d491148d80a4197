#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

#include "storage/layout.h"
#include "storage/local.h"
#include "storage/posix.h"

namespace varve::storage {

namespace {

/// None if there is no such folder.
Result<std::vector<std::string>> names_if_there(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::vector<std::string>();
  return posix::names_in(path);
}

/// The folders that hold files of a type, relative to the repository's.
std::vector<std::string> folders_of(FileType type) {
  const std::string folder(folder_of(type));
  if (type != FileType::kPack) return {folder};
  std::vector<std::string> folders;
  for (int first = 0; first < 256; ++first) folders.push_back(fmt::format("{}/{:02x}", folder, first));
  return folders;
}

}  // namespace

Status LocalStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  const auto visit_one = [&](const Handle& handle) -> Status {
    const auto size = stat(handle, cancel);
    if (size) return visit({.id = handle.id, .size = *size});
    // Somebody may have removed it meanwhile.
    if (size.error().kind() == ErrorKind::kNotFound) return {};
    return fail(size.error());
  };
  TRY(cancel.check());
  if (type == FileType::kConfig) return visit_one({.type = type});
  for (const std::string& folder : folders_of(type)) {
    TRY_ASSIGN(const auto names, names_if_there(fmt::format("{}/{}", root_, folder)));
    for (const std::string& name : names) {
      const auto id = id_of_name(name);
      // A pack that lies in another pack's folder can't be opened, so it isn't there.
      if (!id || relative_path({type, *id}) != fmt::format("{}/{}", folder, name)) continue;
      TRY(visit_one({type, *id}));
    }
  }
  return {};
}

}  // namespace varve::storage
