#include "files/selection.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "files/paths.h"
#include "storage/posix.h"

namespace varve::files {

namespace {

constexpr size_t kRememberedFolders = 4096;

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

Result<FolderTag> FolderTag::parse(const std::string& text) {
  const size_t colon = text.find(':');
  FolderTag tag{text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
  if (!tag.name.empty() && tag.name.find('/') == std::string::npos) return tag;
  return fail(Error(ErrorKind::kInvalidInput, "'" + text + "' names no file that could mark a folder")
                  .hint("write NAME, or NAME:HEADER if the file must begin with HEADER"));
}

FolderTag FolderTag::cache() {
  return {"CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55"};
}

Selection::Selection(const SelectionRules& rules, const std::vector<std::string>& sources, Reporter& reporter)
    : rules_(rules), reporter_(reporter) {
  for (const auto& source : sources) {
    struct stat stat {};
    if (rules_.one_file_system && lstat(source.c_str(), &stat) == 0) devices_[source] = stat.st_dev;
  }
}

/// The source above it decides, the nearest one if there are several.
bool Selection::on_a_source_device(const std::string& path, const struct stat& stat) const {
  for (std::string at = path;; at = folder_of(at)) {
    if (const auto source = devices_.find(at); source != devices_.end()) return source->second == stat.st_dev;
    if (at == "/") return true;  // its source could not be looked at
  }
}

/// The folder on which another file system is mounted is kept, without what is in it.
bool Selection::is_beyond_file_system(const std::string& path, const struct stat& stat) const {
  if (on_a_source_device(path, stat)) return false;
  const auto parent = folder_of(path);
  struct stat above {};
  return !S_ISDIR(stat.st_mode) || lstat(parent.c_str(), &above) != 0 || !on_a_source_device(parent, above);
}

bool Selection::is_tagged(const std::string& folder, const FolderTag& tag) const {
  const auto path = join_path(folder, tag.name);
  struct stat stat {};
  if (lstat(path.c_str(), &stat) != 0) {
    if (errno != ENOENT)
      reporter_.warning(system_error("cannot look at " + path + ", so its folder is taken", errno).message());
    return false;
  }
  if (tag.header.empty()) return true;
  const auto file = storage::posix::open_file(path, O_RDONLY | O_NONBLOCK);
  std::string begin(tag.header.size(), '\0');
  const bool read = file && pread(file->get(), begin.data(), begin.size(), 0) == static_cast<ssize_t>(begin.size());
  if (read && begin == tag.header) return true;
  reporter_.warning(fmt::format("{} does not begin as it should, so its folder is taken", path));
  return false;
}

bool Selection::is_below_tag(const std::string& path) {
  if (rules_.folder_tags.empty()) return false;
  const auto folder = folder_of(path);
  auto known = tagged_.find(folder);
  if (known == tagged_.end()) {
    if (tagged_.size() >= kRememberedFolders) tagged_.clear();
    known = tagged_.emplace(folder, std::vector<std::string>()).first;
    for (const auto& tag : rules_.folder_tags) {
      if (is_tagged(folder, tag)) known->second.push_back(tag.name);
    }
  }
  return std::ranges::any_of(known->second, [&](const std::string& tag) { return name_of(path) != tag; });
}

bool Selection::takes(const std::string& path, const struct stat& stat) {
  if (rules_.larger_than && !S_ISDIR(stat.st_mode) && static_cast<uint64_t>(stat.st_size) > *rules_.larger_than) {
    return false;
  }
  if (rules_.one_file_system && is_beyond_file_system(path, stat)) return false;
  return !is_below_tag(path);
}

}  // namespace varve::files
