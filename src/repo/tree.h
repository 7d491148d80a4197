#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace varve::repo {

enum class NodeType : uint8_t { kFile, kDir, kSymlink, kDevice, kCharDevice, kFifo, kSocket };

/// No name is longer: no system has any of a tenth of it.
inline constexpr size_t kMaxName = 4096;

/// One entry of a folder. Names are the real bytes; quoting is the encoder's business.
struct Node {
  std::string name;
  NodeType type = NodeType::kFile;
  uint32_t mode = 0;  ///< permission bits in Go's fs.FileMode; encode adds the type bits for kDir
  Time mtime{}, atime{}, ctime{};
  uint32_t uid = 0, gid = 0;
  std::string user, group;
  uint64_t inode = 0, device_id = 0, size = 0, links = 0, device = 0;
  std::string link_target;
  std::vector<std::pair<std::string, Bytes>> extended_attributes;
  std::string generic_attributes;  ///< restic's JSON object of what another system keeps, as it stands; may be empty
  std::vector<Id> content;         ///< kFile: the data blobs in order
  std::optional<Id> subtree;       ///< kDir
  std::string error;               ///< what went wrong when restic read it
};

/// In which zone times are written. restic takes the machine's for files; a backup that is to be the same on every
/// machine takes UTC.
enum class TimeZone : uint8_t { kUtc, kLocal };

/// {"nodes":[…]} and a newline, byte for byte as restic writes it. Nodes must be in ascending order of name, without
/// duplicates (a defect otherwise: kInternal).
Result<std::string> encode_tree(const std::vector<Node>& nodes, TimeZone zone = TimeZone::kUtc);
/// The same in two steps, for nodes that need not be kept: each by itself, and all together, which must be in order.
std::string encode_node(const Node& node, TimeZone zone = TimeZone::kUtc);
std::string join_nodes(const std::vector<std::string_view>& encoded);
/// Lenient: unknown keys, any order. kCorrupt for what restic's check refuses: a file without content, a dir without
/// subtree, an empty name, a name with '/' or a zero byte or that is "." or "..", a null id. And for what only malice
/// writes: names of more than 4096 bytes, more than 10,000 extended attributes, and so many entries that say nothing
/// that all together would take more than four times the memory of their text.
Result<std::vector<Node>> decode_tree(std::string_view json);

}  // namespace varve::repo
