#include "storage/sftp.h"

#include <algorithm>

#include <fmt/format.h>

#include "storage/layout.h"
#include "storage/posix.h"

namespace varve::storage {

namespace {

constexpr FileType kFoldered[] = {FileType::kKey, FileType::kLock, FileType::kSnapshot, FileType::kIndex,
                                  FileType::kPack};

std::string under(const std::string& folder, std::string_view name) {
  return fmt::format("{}{}{}", folder, folder.ends_with('/') ? "" : "/", name);
}

/// Whether what failed so may have been done.
bool is_unclear(const Error& error) {
  return error.kind() == ErrorKind::kUnavailable || is_stop(error);
}

}  // namespace

SftpStorage::SftpStorage(std::string location, net::SftpOptions options, std::string folder, unsigned connections)
    : location_(std::move(location)),
      options_(std::move(options)),
      folder_(std::move(folder)),
      connections_(connections) {}

Result<std::shared_ptr<net::SftpSession>> SftpStorage::session(const Cancel& cancel) {
  return session_.get(
      cancel, [](const net::SftpSession& session) { return session.broken() ? Use::kOver : Use::kGood; },
      [&] { return net::SftpSession::open(options_, cancel); });
}

std::string SftpStorage::path_of(const Handle& handle) const {
  return under(folder_, relative_path(handle));
}

Status SftpStorage::make_folders_above(SftpFiles& files) {
  std::vector<std::string> missing{folder_};
  while (true) {
    const auto there = files.stat(missing.back());
    if (there && there->mode && !there->is_folder()) {
      return fail(ErrorKind::kInvalidInput, fmt::format("{}:{} is not a folder", options_.name, missing.back()));
    }
    if (there) break;
    if (there.error().kind() != ErrorKind::kNotFound) return fail(there.error());
    auto parent = posix::parent_of(missing.back());
    if (parent == missing.back()) break;
    missing.push_back(std::move(parent));
  }
  while (missing.size() > 1) {
    const auto parent = std::move(missing.back());
    missing.pop_back();
    TRY(files.make_folders({&missing.back(), 1}, SftpModes().folder));
    TRY(files.sync_folder(parent));
  }
  return {};
}

Status SftpStorage::create(const Cancel& cancel) {
  TRY_ASSIGN(const auto talk, session(cancel));
  SftpFiles files(talk, cancel, opens_folders_);
  TRY(make_folders_above(files));
  const auto config = files.stat(path_of({}));
  if (config) return fail(ErrorKind::kExists, fmt::format("there is a repository at {} already", location()));
  if (config.error().kind() != ErrorKind::kNotFound) return fail(config.error());
  std::vector<std::string> folders, packs;
  for (const FileType type : kFoldered) folders.push_back(under(folder_, folder_of(type)));
  for (int first = 0; first < 256; ++first) packs.push_back(fmt::format("{}/{:02x}", folders.back(), first));
  TRY(files.make_folders(folders, SftpModes().folder));
  TRY(files.make_folders(packs, SftpModes().folder));
  TRY(files.sync_folder(folders.back()));
  return files.sync_folder(folder_);
}

/// As the config's: who made it readable for a group means all of it.
Result<SftpModes> SftpStorage::modes(SftpFiles& files) {
  {
    std::lock_guard lock(mutex_);
    if (modes_) return *modes_;
  }
  const auto config = files.stat(path_of({}));
  if (!config && config.error().kind() == ErrorKind::kNotFound) return SftpModes();
  if (!config) return fail(config.error());
  constexpr uint32_t kGroupReads = 0040;
  const bool shared = (config->mode.value_or(0) & kGroupReads) != 0;
  std::lock_guard lock(mutex_);
  modes_ = shared ? SftpModes{.folder = 0770, .file = 0660, .finished = 0440} : SftpModes();
  return *modes_;
}

Status SftpStorage::put_in_folder(SftpFiles& files, const Handle& handle, Payload payload) {
  TRY_ASSIGN(const auto mode, modes(files));
  const auto path = path_of(handle);
  auto done = files.create(path, payload, mode);
  if (done || done.error().kind() != ErrorKind::kNotFound) return done;
  // A folder of the layout that is missing is made, but never the repository's own.
  const auto relative = relative_path(handle);
  for (size_t slash = relative.find('/'); slash != std::string::npos; slash = relative.find('/', slash + 1)) {
    const auto folder = under(folder_, relative.substr(0, slash));
    TRY(files.make_folders({&folder, 1}, mode.folder));
    TRY(files.sync_folder(posix::parent_of(folder)));
  }
  return files.create(path, payload, mode);
}

Status SftpStorage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  TRY_ASSIGN(const auto talk, session(cancel));
  SftpFiles files(talk, cancel, opens_folders_);
  const auto folder = posix::parent_of(path_of(handle));
  auto done = put_in_folder(files, handle, payload);
  if (done) done = files.sync_folder(folder);
  if (!done && is_unclear(done.error())) owe(folder);
  return done;
}

void SftpStorage::owe(const std::string& folder) {
  std::lock_guard lock(mutex_);
  owed_[folder] = ++debts_;
}

/// Whoever finds or misses a file after a call whose end is unclear takes it for stored or removed: then it must be.
/// One that comes meanwhile waits for a sync of its own, and a debt that comes meanwhile stays.
Status SftpStorage::sync_if_owed(SftpFiles& files, const std::string& folder) {
  uint64_t debt = 0;
  {
    std::lock_guard lock(mutex_);
    const auto owed = owed_.find(folder);
    if (owed == owed_.end()) return {};
    debt = owed->second;
  }
  TRY(files.sync_folder(folder));
  std::lock_guard lock(mutex_);
  std::erase_if(owed_, [&](const auto& owed) { return owed.first == folder && owed.second == debt; });
  return {};
}

Result<Bytes> SftpStorage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  TRY_ASSIGN(const auto talk, session(cancel));
  return SftpFiles(talk, cancel, opens_folders_).read(path_of(handle), offset, length);
}

Result<uint64_t> SftpStorage::stat(const Handle& handle, const Cancel& cancel) {
  TRY_ASSIGN(const auto talk, session(cancel));
  SftpFiles files(talk, cancel, opens_folders_);
  const auto path = path_of(handle);
  TRY_ASSIGN(const auto attributes, files.stat(path));
  if (!attributes.size)
    return fail(ErrorKind::kUnavailable, fmt::format("the server does not say how long {} is", path));
  TRY(sync_if_owed(files, posix::parent_of(path)));
  return *attributes.size;
}

/// What names packs must be gone before they are; a pack that comes back after a crash is only garbage.
Status SftpStorage::remove_from_folder(SftpFiles& files, const Handle& handle, const std::string& folder) {
  auto done = files.remove(path_of(handle));
  if (handle.type == FileType::kPack) return done;
  if (done) return files.sync_folder(folder);
  if (done.error().kind() == ErrorKind::kNotFound) TRY(sync_if_owed(files, folder));
  return done;
}

Status SftpStorage::remove(const Handle& handle, const Cancel& cancel) {
  TRY_ASSIGN(const auto talk, session(cancel));
  SftpFiles files(talk, cancel, opens_folders_);
  const auto folder = posix::parent_of(path_of(handle));
  auto done = remove_from_folder(files, handle, folder);
  if (!done && is_unclear(done.error()) && handle.type != FileType::kPack) owe(folder);
  return done;
}

}  // namespace varve::storage
