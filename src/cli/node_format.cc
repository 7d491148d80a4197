#include "cli/node_format.h"

#include <fmt/format.h>

#include "cli/format.h"
#include "cli/local_time.h"
#include "repo/go_time.h"
#include "repo/json_object.h"
#include "repo/node_type.h"

namespace varve::cli {

namespace {

using repo::JsonObject;
using repo::Node;

std::string quoted_time(Time time) {
  return '"' + repo::format_go_local_time(time) + '"';
}

void add_times(JsonObject& object, const Node& node) {
  object.raw("mtime", quoted_time(node.mtime));
  object.raw("atime", quoted_time(node.atime));
  object.raw("ctime", quoted_time(node.ctime));
}

}  // namespace

std::string mode_text(uint32_t mode) {
  constexpr std::string_view kKinds = "dalTLDpSugct?";
  constexpr std::string_view kPermissions = "rwxrwxrwx";
  std::string text;
  for (size_t i = 0; i < kKinds.size(); ++i) {
    if ((mode & 1u << (31 - i)) != 0) text += kKinds[i];
  }
  if (text.empty()) text = "-";
  for (size_t i = 0; i < kPermissions.size(); ++i) text += (mode & 1u << (8 - i)) != 0 ? kPermissions[i] : '-';
  return text;
}

std::string node_line(const std::string& path, const Node& node, bool details, bool human) {
  if (!details) return path;
  const uint64_t bytes = node.type == repo::NodeType::kFile ? node.size : 0;
  const auto size = human ? fmt::format("{:>10}", format_size(bytes)) : fmt::format("{:6}", bytes);
  return fmt::format("{} {:5} {:5} {} {} {}{}", mode_text(node.mode | type_bits(node.type)), node.uid, node.gid, size,
                     local_time_text(node.mtime), path,
                     node.type == repo::NodeType::kSymlink ? " -> " + node.link_target : "");
}

std::string ls_node_json(const std::string& path, const Node& node) {
  std::string out;
  JsonObject object(out);
  object.string("name", node.name);
  object.string("type", type_name(node.type));
  object.string("path", path);
  object.number("uid", node.uid);
  object.number("gid", node.gid);
  if (node.type == repo::NodeType::kFile) object.number("size", node.size);
  object.number_if("mode", node.mode);
  object.string("permissions", mode_text(node.mode));
  add_times(object, node);
  object.number_if("inode", node.inode);
  object.string("message_type", "node");
  object.string("struct_type", "node");
  object.close();
  return out;
}

std::string find_node_json(const std::string& path, const Node& node) {
  std::string out;
  JsonObject object(out);
  object.string("path", path);
  object.string("permissions", mode_text(node.mode));
  object.string("type", type_name(node.type));
  object.number_if("mode", node.mode);
  add_times(object, node);
  object.number("uid", node.uid);
  object.number("gid", node.gid);
  object.string_if("user", node.user);
  object.string_if("group", node.group);
  object.number_if("inode", node.inode);
  object.number_if("device_id", node.device_id);
  object.number_if("size", node.size);
  object.number_if("links", node.links);
  object.string_if("linktarget", node.link_target);
  object.string_if("error", node.error);
  object.close();
  return out;
}

}  // namespace varve::cli
