#include "files/target.h"

#include <cerrno>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace varve::files {

namespace {

constexpr size_t kOpenFolders = 64;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// Nothing if it is missing.
Result<std::optional<Fd>> open_target(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) return std::optional(Fd(fd));
  if (errno == ENOENT) return std::optional<Fd>();
  return fail(system_error("cannot restore to " + path, errno));
}

Status make_target(const std::string& path) {
  // The last folder is made private until its entries are there; what existed keeps its mode.
  std::error_code problem;
  const std::filesystem::path whole = std::filesystem::absolute(path, problem);
  std::filesystem::path part;
  for (const auto& name : whole) {
    part /= name;
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      if (std::filesystem::is_directory(part, problem)) continue;
      return fail(system_error("cannot make the folder " + part.string(), errno));
    }
  }
  return {};
}

}  // namespace

TargetFolder::~TargetFolder() {
  while (parent && parent.use_count() == 1) {
    FolderPtr above = parent->parent;
    parent = std::move(above);  // its former value goes, and is not the last that holds this one
  }
}

std::string path_of(const TargetFolder& folder) {
  std::vector<const std::string*> names;
  for (const TargetFolder* at = &folder; at->parent; at = at->parent.get()) names.push_back(&at->name);
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) path += "/" + **name;
  return path.empty() ? "/" : path;
}

Result<std::unique_ptr<Target>> Target::open(const std::string& path, bool make) {
  std::unique_ptr<Target> target(new Target(path));
  if (make) TRY(make_target(path));
  TRY_ASSIGN(auto fd, open_target(path));
  if (!fd) return target;
  target->root_fd_ = std::make_shared<const Fd>(std::move(*fd));
  target->note_file_system(target->root_fd_);
  return target;
}

std::string Target::path_of(const TargetFolder& folder, const std::string& name) const {
  const std::string within = files::path_of(folder);
  return (path_.ends_with('/') ? path_.substr(0, path_.size() - 1) : path_) + (within == "/" ? "" : within) + "/" +
         name;
}

void Target::note_file_system(const std::shared_ptr<const Fd>& folder) {
  struct stat info;
  if (::fstat(folder->get(), &info) == 0) file_systems_.try_emplace(info.st_dev, folder);
}

Status Target::sync() {
  std::map<dev_t, std::shared_ptr<const Fd>> all;
  {
    std::lock_guard lock(mutex_);
    all = file_systems_;
  }
  for (const auto& [device, folder] : all) TRY(storage::posix::sync_file_system(*folder, path_));
  return {};
}

void Target::remember(const FolderPtr& folder, std::shared_ptr<const Fd> fd) {
  recent_.push_front({folder, std::move(fd)});
  open_[folder.get()] = recent_.begin();
  if (recent_.size() <= kOpenFolders) return;
  open_.erase(recent_.back().folder.get());
  recent_.pop_back();
}

Result<std::shared_ptr<const Fd>> Target::open(const FolderPtr& folder) {
  if (!root_fd_) return fail(ErrorKind::kNotFound, path_ + " is not there");
  std::lock_guard lock(mutex_);
  // Upwards to one that is open, then down again.
  std::vector<FolderPtr> closed;
  FolderPtr at = folder;
  std::shared_ptr<const Fd> fd;
  for (; !fd; at = at->parent) {
    if (!at->parent) {
      fd = root_fd_;
    } else if (const auto found = open_.find(at.get()); found != open_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second);
      fd = found->second->fd;
    } else {
      closed.push_back(at);
    }
  }
  for (auto below = closed.rbegin(); below != closed.rend(); ++below) {
    auto opened = open_folder(*fd, (*below)->name);
    if (!opened) {
      const auto& parent = (*below)->parent;
      return fail(std::move(opened).error().within(path_of(*parent, (*below)->name)));
    }
    fd = std::make_shared<const Fd>(std::move(*opened));
    remember(*below, fd);
    note_file_system(fd);
  }
  return fd;
}

Result<std::optional<struct stat>> look_at(const Fd& folder, const std::string& name) {
  struct stat info;
  if (::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return std::optional(info);
  if (errno == ENOENT) return std::optional<struct stat>();
  return fail(system_error("cannot look at it", errno));
}

Result<Fd> open_folder(const Fd& parent, const std::string& name) {
  const int fd = ::openat(parent.get(), name.c_str(), kFolderFlags);
  if (fd >= 0) return Fd(fd);
  if (errno == ELOOP || errno == ENOTDIR) return fail(ErrorKind::kNotFound, "it is not a folder");
  return fail(system_error("cannot open the folder", errno));
}

Status remove_entry(const Fd& folder, const std::string& name, bool with_content, const Cancel& cancel) {
  TRY(cancel.check());
  TRY_ASSIGN(const auto info, look_at(folder, name));
  if (!info) return {};
  const bool is_folder = S_ISDIR(info->st_mode);
  if (is_folder && with_content) {
    TRY_ASSIGN(const Fd inside, open_folder(folder, name));
    TRY_ASSIGN(const auto names, storage::posix::names_in(inside));
    for (const auto& below : names) TRY(remove_entry(inside, below, true, cancel));
  }
  if (::unlinkat(folder.get(), name.c_str(), is_folder ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT) return {};
  if (errno == ENOTEMPTY || errno == EEXIST) {
    return fail(Error(ErrorKind::kExists, "a folder that is not empty is in the way").hint("--delete lets it go"));
  }
  return fail(system_error("cannot remove what is in the way", errno));
}

}  // namespace varve::files
