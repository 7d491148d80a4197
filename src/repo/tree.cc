#include "repo/tree.h"

#include "codec/base64.h"
#include "codec/utf8.h"
#include "repo/go_time.h"
#include "repo/json_object.h"
#include "repo/node_type.h"

namespace varve::repo {

namespace {

constexpr std::string_view kBegin = "{\"nodes\":[";
constexpr std::string_view kEnd = "]}\n";

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto rune = codec::decode_rune(text);
    if (rune.invalid()) return false;
    text.remove_prefix(rune.size);
  }
  return true;
}

void encode_content(const Node& node, JsonObject& object, std::string& out) {
  if (node.type != NodeType::kFile) return object.raw("content", "null");
  object.array("content", node.content, [&](const Id& id) {
    out += '"';
    out += id.hex();
    out += '"';
  });
}

void encode_attributes(const Node& node, JsonObject& object, std::string& out) {
  if (node.extended_attributes.empty()) return;
  object.array("extended_attributes", node.extended_attributes, [&](const auto& attribute) {
    JsonObject pair(out);
    pair.string("name", attribute.first);
    pair.string("value", codec::base64(attribute.second));
    pair.close();
  });
}

void append_node(const Node& node, TimeZone zone, std::string& out) {
  const auto format_time = zone == TimeZone::kLocal ? format_go_local_time : format_go_time;
  JsonObject object(out);
  object.string("name", codec::go_quote(node.name));
  object.string("type", type_name(node.type));
  object.number_if("mode", node.mode | type_bits(node.type));
  object.string("mtime", format_time(node.mtime));
  object.string("atime", format_time(node.atime));
  object.string("ctime", format_time(node.ctime));
  object.number("uid", node.uid);
  object.number("gid", node.gid);
  object.string_if("user", node.user);
  object.string_if("group", node.group);
  object.number_if("inode", node.inode);
  object.number_if("device_id", node.device_id);
  object.number_if("size", node.size);
  object.number_if("links", node.links);
  object.string_if("linktarget", node.link_target);
  if (!is_utf8(node.link_target)) object.string("linktarget_raw", codec::base64(as_bytes(node.link_target)));
  encode_attributes(node, object, out);
  if (!node.generic_attributes.empty()) object.raw("generic_attributes", node.generic_attributes);
  object.number_if("device", node.device);
  encode_content(node, object, out);
  if (node.subtree) object.id("subtree", *node.subtree);
  object.string_if("error", node.error);
  object.close();
}

Status check_order(const std::vector<Node>& nodes) {
  for (size_t i = 1; i < nodes.size(); ++i) {
    if (nodes[i - 1].name < nodes[i].name) continue;
    return fail(ErrorKind::kInternal, "a folder's entries are not in ascending order: " +
                                          codec::go_quote(nodes[i - 1].name) + ", " + codec::go_quote(nodes[i].name));
  }
  return {};
}

}  // namespace

Result<std::string> encode_tree(const std::vector<Node>& nodes, TimeZone zone) {
  TRY(check_order(nodes));
  std::string out(kBegin);
  for (const auto& node : nodes) {
    if (&node != &nodes.front()) out.push_back(',');
    append_node(node, zone, out);
  }
  out += kEnd;
  return out;
}

std::string encode_node(const Node& node, TimeZone zone) {
  std::string out;
  append_node(node, zone, out);
  return out;
}

std::string join_nodes(const std::vector<std::string_view>& encoded) {
  size_t size = kBegin.size() + kEnd.size() + encoded.size();
  for (const auto node : encoded) size += node.size();
  std::string out;
  out.reserve(size);
  out += kBegin;
  for (const auto& node : encoded) {
    if (&node != &encoded.front()) out.push_back(',');
    out += node;
  }
  out += kEnd;
  return out;
}

}  // namespace varve::repo
