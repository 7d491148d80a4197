#include "files/local_node.h"

#include <algorithm>
#include <cerrno>

#include <sys/xattr.h>
#include <unistd.h>

#include "repo/node_type.h"

namespace varve::files {

namespace {

using repo::Node;
using repo::NodeType;

Time time_of(const timespec& at) {
  return Time(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
}

/// Permissions as Go's fs.FileMode has them.
uint32_t go_mode(mode_t mode) {
  uint32_t out = mode & 0777;
  if ((mode & S_ISUID) != 0) out |= 1u << 23;
  if ((mode & S_ISGID) != 0) out |= 1u << 22;
  if ((mode & S_ISVTX) != 0) out |= 1u << 20;
  return out;
}

Result<std::string> read_link(const std::string& path) {
  std::string target(256, '\0');
  while (true) {
    const ssize_t length = readlink(path.c_str(), target.data(), target.size());
    if (length < 0) return fail(system_error("cannot read where the link points to", errno));
    if (static_cast<size_t>(length) < target.size()) {
      target.resize(static_cast<size_t>(length));
      return target;
    }
    target.resize(target.size() * 2);
  }
}

bool means_none(int error_number) {
  return error_number == ENOTSUP || error_number == EOPNOTSUPP || error_number == ENODATA;
}

/// Calls `read(buffer, size)` with as much room as it asks for; ERANGE means that it grew meanwhile.
template <typename Read>
ssize_t read_growing(Bytes& buffer, Read read) {
  if (buffer.empty()) buffer.resize(1024);
  while (true) {
    const ssize_t length = read(buffer.data(), buffer.size());
    if (length >= 0 || errno != ERANGE || buffer.size() > 1u << 20) return length;
    buffer.resize(buffer.size() * 4);
  }
}

ssize_t list_attributes(const LocalFile& file, Bytes& names) {
  return read_growing(names, [&](uint8_t* to, size_t size) {
    auto* text = reinterpret_cast<char*>(to);
    return file.fd >= 0 ? flistxattr(file.fd, text, size) : llistxattr(file.path.c_str(), text, size);
  });
}

void add_attributes(const LocalFile& file, Node& node, std::vector<Error>& problems) {
  Bytes names;
  const ssize_t length = list_attributes(file, names);
  if (length < 0) {
    if (!means_none(errno)) problems.push_back(system_error("cannot list its extended attributes", errno));
    return;
  }
  Bytes value;
  std::string_view rest(reinterpret_cast<const char*>(names.data()), static_cast<size_t>(length));
  while (!rest.empty()) {
    const std::string name(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    const ssize_t size = read_growing(value, [&](uint8_t* to, size_t room) {
      return file.fd >= 0 ? fgetxattr(file.fd, name.c_str(), to, room)
                          : lgetxattr(file.path.c_str(), name.c_str(), to, room);
    });
    if (size >= 0) {
      node.extended_attributes.emplace_back(name, Bytes(value.begin(), value.begin() + size));
    } else if (!means_none(errno)) {
      problems.push_back(system_error("cannot read its extended attribute " + name, errno));
    }
  }
}

Status add_by_type(const LocalFile& file, Node& node) {
  switch (node.type) {
    case NodeType::kFile:
      node.size = static_cast<uint64_t>(file.stat.st_size);
      node.links = file.stat.st_nlink;
      break;
    case NodeType::kSymlink: {
      TRY_ASSIGN(node.link_target, read_link(file.path));
      node.links = file.stat.st_nlink;
      break;
    }
    case NodeType::kDevice:
    case NodeType::kCharDevice:
      node.device = file.stat.st_rdev;
      node.links = file.stat.st_nlink;
      break;
    default:
      break;
  }
  return {};
}

}  // namespace

std::optional<NodeType> type_of(const struct stat& stat) {
  switch (stat.st_mode & S_IFMT) {
    case S_IFREG:
      return NodeType::kFile;
    case S_IFDIR:
      return NodeType::kDir;
    case S_IFLNK:
      return NodeType::kSymlink;
    case S_IFBLK:
      return NodeType::kDevice;
    case S_IFCHR:
      return NodeType::kCharDevice;
    case S_IFIFO:
      return NodeType::kFifo;
    case S_IFSOCK:
      return NodeType::kSocket;
    default:
      return std::nullopt;
  }
}

Time modified_at(const struct stat& stat) {
  return time_of(stat.st_mtim);
}

Time changed_at(const struct stat& stat) {
  return time_of(stat.st_ctim);
}

Result<Node> Describe::operator()(const LocalFile& file, std::string name, std::vector<Error>& problems) const {
  const auto type = type_of(file.stat);
  if (!type) return fail(ErrorKind::kUnsupported, "it is of a type that a snapshot cannot hold");
  Node node;
  node.name = std::move(name);
  node.type = *type;
  node.mode = go_mode(file.stat.st_mode);
  node.mtime = modified_at(file.stat);
  node.atime = with_atime ? time_of(file.stat.st_atim) : node.mtime;
  node.ctime = changed_at(file.stat);
  node.uid = file.stat.st_uid;
  node.gid = file.stat.st_gid;
  node.user = owners.user(node.uid);
  node.group = owners.group(node.gid);
  node.inode = file.stat.st_ino;
  node.device_id = file.stat.st_dev;
  TRY(add_by_type(file, node));
  add_attributes(file, node, problems);
  return node;
}

namespace {

uint32_t whole_mode(const Node& node) {
  return node.mode | repo::type_bits(node.type);
}

auto fields(const Node& node) {
  return std::tie(node.name, node.type, node.mtime, node.atime, node.ctime, node.uid, node.gid, node.user, node.group,
                  node.inode, node.device_id, node.size, node.links, node.link_target, node.device, node.content,
                  node.subtree, node.generic_attributes, node.error);
}

}  // namespace

bool same_node(const Node& a, const Node& b) {
  return whole_mode(a) == whole_mode(b) && fields(a) == fields(b) &&
         std::ranges::is_permutation(a.extended_attributes, b.extended_attributes);
}

}  // namespace varve::files
