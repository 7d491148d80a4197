#include <cerrno>

#include <dirent.h>
#include <fmt/format.h>

#include "storage/layout.h"
#include "storage/local.h"

namespace varve::storage {

namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

/// None if there is no such folder.
Result<std::vector<std::string>> names_in(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
  if (!folder && errno == ENOENT) return names;
  if (!folder) return fail(system_error("cannot open " + path, errno));
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    names.emplace_back(entry->d_name);
  }
  if (errno != 0) return fail(system_error("cannot read " + path, errno));
  return names;
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
    TRY_ASSIGN(const auto names, names_in(fmt::format("{}/{}", root_, folder)));
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
