#include <algorithm>

#include <fmt/format.h>

#include "storage/layout.h"
#include "storage/sftp.h"

namespace varve::storage {

namespace {

/// The folders that hold files of a type, relative to the repository's.
std::vector<std::string> folders_of(FileType type) {
  const std::string folder(folder_of(type));
  std::vector<std::string> folders{folder};
  if (type != FileType::kPack) return folders;
  for (int first = 0; first < 256; ++first) folders.push_back(fmt::format("{}/{:02x}", folder, first));
  return folders;
}

/// Names that may be a file's of the type in this folder, each once.
std::vector<std::pair<Id, net::SftpAttributes>> files_in(const std::vector<SftpEntry>& entries, FileType type,
                                                         const std::string& folder) {
  std::vector<std::pair<Id, net::SftpAttributes>> out;
  for (const auto& entry : entries) {
    const auto id = id_of_name(entry.name);
    // A pack that lies in another pack's folder can't be opened, so it isn't there.
    if (!id || relative_path({type, *id}) != fmt::format("{}/{}", folder, entry.name)) continue;
    if (!entry.attributes.is_folder()) out.emplace_back(*id, entry.attributes);
  }
  std::ranges::sort(out, {}, &std::pair<Id, net::SftpAttributes>::first);
  const auto twice = std::ranges::unique(out, {}, &std::pair<Id, net::SftpAttributes>::first);
  out.erase(twice.begin(), twice.end());
  return out;
}

}  // namespace

Status SftpStorage::list_config(SftpFiles& files, const std::function<Status(const FileInfo&)>& visit) {
  const auto config = files.stat(path_of({}));
  if (config) return visit({Id{}, config->size.value_or(0)});
  if (config.error().kind() != ErrorKind::kNotFound) return fail(config.error());
  TRY(files.stat(folder_));  // is the place there at all?
  return {};
}

Status SftpStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  TRY_ASSIGN(const auto talk, session(cancel));
  SftpFiles files(talk, cancel, opens_folders_);
  if (type == FileType::kConfig) return list_config(files, visit);
  const auto folders = folders_of(type);
  std::vector<std::string> paths;
  for (const auto& folder : folders) paths.push_back(folder_ + '/' + folder);
  TRY_ASSIGN(const auto contents, files.read_folders(paths));
  if (!contents.front() && type == FileType::kLock) {  // whoever copies a repository may well leave out the locks
    TRY(files.stat(folder_));
    return {};
  }
  if (!contents.front()) {
    return fail(Error(ErrorKind::kUnavailable, fmt::format("the folder {}:{} is missing, which every repository has",
                                                           options_.name, paths.front()))
                    .hint("is all of the repository there?"));
  }
  for (size_t i = 0; i < folders.size(); ++i) {
    if (!contents[i]) continue;
    for (const auto& [id, attributes] : files_in(*contents[i], type, folders[i])) {
      if (attributes.size && !attributes.is_link()) {
        TRY(visit({id, *attributes.size}));
        continue;
      }
      TRY_ASSIGN(const uint64_t size, stat({type, id}, cancel));
      TRY(visit({id, size}));
    }
  }
  return {};
}

}  // namespace varve::storage
