#include "files/restore_metadata.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "repo/go_time.h"

namespace varve::files {

namespace {

using repo::Node;
using repo::NodeType;

constexpr uint32_t kGoSetuid = 1u << 23, kGoSetgid = 1u << 22, kGoSticky = 1u << 20;
constexpr std::string_view kSecurityLabel = "security.selinux";  // the system's to give, not ours to take

bool lacks_rights() {
  return (errno == EPERM || errno == EACCES) && ::geteuid() != 0;
}

bool lacks_support() {
  return errno == ENOTSUP || errno == EOPNOTSUPP;
}

timespec timespec_of(Time time) {
  if (time == repo::kGoZeroTime) return {0, UTIME_OMIT};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {seconds.time_since_epoch().count(), (time - seconds).count()};
}

/// The number that the system's database has for a name; `otherwise` if it has none.
template <typename Entry, typename Find>
uint32_t id_of(const std::string& name, uint32_t otherwise, Find find, uint32_t Entry::*id) {
  std::vector<char> buffer(1024);
  Entry entry;
  Entry* found = nullptr;
  while (find(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE) buffer.resize(buffer.size() * 2);
  return found != nullptr ? found->*id : otherwise;
}

template <typename Look>
uint32_t remembered(std::map<std::string, uint32_t>& known, const std::string& name, uint32_t otherwise, Look look) {
  if (name.empty()) return otherwise;
  if (const auto found = known.find(name); found != known.end()) return found->second;
  return known[name] = look();
}

/// Where extended attributes are: in an open file, or in an entry of an open folder, never through a symbolic link.
class AttributePlace {
 public:
  explicit AttributePlace(const Fd& file) : fd_(file.get()) {}
  AttributePlace(const Fd& folder, const std::string& name)
      : path_("/proc/self/fd/" + std::to_string(folder.get()) + "/" + name) {}

  int set(const std::string& name, ByteView value) const {
    return fd_ >= 0 ? ::fsetxattr(fd_, name.c_str(), value.data(), value.size(), 0)
                    : ::lsetxattr(path_.c_str(), name.c_str(), value.data(), value.size(), 0);
  }
  int remove(const std::string& name) const {
    return fd_ >= 0 ? ::fremovexattr(fd_, name.c_str()) : ::lremovexattr(path_.c_str(), name.c_str());
  }
  /// Nothing where they cannot be listed.
  std::vector<std::string> names() const {
    std::vector<char> text(1024);
    ssize_t size;
    while ((size = list(text)) < 0) {
      if (errno != ERANGE) return {};
      text.resize(text.size() * 4);
    }
    std::vector<std::string> names;
    for (const char* name = text.data(); name < text.data() + size; name += names.back().size() + 1) {
      names.emplace_back(name);
    }
    return names;
  }

 private:
  ssize_t list(std::vector<char>& text) const {
    return fd_ >= 0 ? ::flistxattr(fd_, text.data(), text.size())
                    : ::llistxattr(path_.c_str(), text.data(), text.size());
  }

  const int fd_ = -1;
  const std::string path_;
};

/// One attribute is too much for the file system's room in one file: that does not make the disk full.
Error attribute_error(const std::string& what, int error_number) {
  auto error = system_error(what, error_number);
  if (error.kind() != ErrorKind::kNoSpace && error_number != E2BIG) return error;
  return Error(ErrorKind::kUnsupported, error.message()).hint("the file system has no room for it in one file");
}

/// False if the file system or the user's rights do not allow it. What goes wrong with one does not keep the others
/// away.
Result<bool> restore_attributes(const Node& node, const AttributePlace& place,
                                const std::function<bool(const std::string&)>& select) {
  const auto selected = [&](const std::string& name) { return !select || select(name); };
  std::optional<Error> first;
  const auto note = [&](const std::string& what) {
    auto error = attribute_error(what, errno);
    if (!first) first = std::move(error);
  };
  for (const auto& [name, value] : node.extended_attributes) {
    if (!selected(name) || place.set(name, value) == 0) continue;
    if (lacks_support() || lacks_rights()) return false;
    note("cannot set its extended attribute " + name);
  }
  for (const auto& name : place.names()) {
    const bool wanted =
        std::ranges::any_of(node.extended_attributes, [&](const auto& pair) { return pair.first == name; });
    if (wanted || !selected(name) || name == kSecurityLabel || place.remove(name) == 0) continue;
    if (errno != ENODATA && !lacks_rights() && !lacks_support()) note("cannot remove the extended attribute " + name);
  }
  if (first) return fail(*first);
  return true;
}

}  // namespace

uint32_t permissions_of(const Node& node) {
  return (node.mode & 0777) | ((node.mode & kGoSetuid) != 0 ? S_ISUID : 0) |
         ((node.mode & kGoSetgid) != 0 ? S_ISGID : 0) | ((node.mode & kGoSticky) != 0 ? S_ISVTX : 0);
}

MetadataRestorer::Owner MetadataRestorer::owner_of(const Node& node) {
  if (!options_.owners_by_name) return {node.uid, node.gid};
  std::lock_guard lock(mutex_);
  const auto user = [&] { return id_of(node.user, node.uid, ::getpwnam_r, &passwd::pw_uid); };
  const auto group = [&] { return id_of(node.group, node.gid, ::getgrnam_r, &::group::gr_gid); };
  return {remembered(users_, node.user, node.uid, user), remembered(groups_, node.group, node.gid, group)};
}

Result<MetadataRestorer::Lacking> MetadataRestorer::restore_open(const Node& node, const Fd& file) {
  Lacking lacking;
  const auto owner = owner_of(node);
  if (::fchown(file.get(), owner.uid, owner.gid) != 0) {
    if (!lacks_rights()) return fail(system_error("cannot set its owner", errno));
    lacking.owner = true;
  }
  const auto attributes = restore_attributes(node, AttributePlace(file), options_.select_attribute);
  const std::array times = {timespec_of(node.atime), timespec_of(node.mtime)};
  if (::futimens(file.get(), times.data()) != 0) return fail(system_error("cannot set its times", errno));
  if (::fchmod(file.get(), permissions_of(node)) != 0) return fail(system_error("cannot set its mode", errno));
  TRY_ASSIGN(const bool has_attributes, attributes);
  lacking.attributes = !has_attributes;
  return lacking;
}

Result<MetadataRestorer::Lacking> MetadataRestorer::restore(const Node& node, const Fd& folder) {
  Lacking lacking;
  const auto owner = owner_of(node);
  const char* name = node.name.c_str();
  if (::fchownat(folder.get(), name, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    if (!lacks_rights()) return fail(system_error("cannot set its owner", errno));
    lacking.owner = true;
  }
  const auto attributes = restore_attributes(node, AttributePlace(folder, node.name), options_.select_attribute);
  const std::array times = {timespec_of(node.atime), timespec_of(node.mtime)};
  if (::utimensat(folder.get(), name, times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
    return fail(system_error("cannot set its times", errno));
  }
  if (node.type != NodeType::kSymlink &&
      ::fchmodat(folder.get(), name, permissions_of(node), AT_SYMLINK_NOFOLLOW) != 0) {
    return fail(system_error("cannot set its mode", errno));
  }
  TRY_ASSIGN(const bool has_attributes, attributes);
  lacking.attributes = !has_attributes;
  return lacking;
}

}  // namespace varve::files
