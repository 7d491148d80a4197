#include "codec/go_json.h"
#include "repo/go_time.h"
#include "repo/json_budget.h"
#include "repo/node_type.h"
#include "repo/tree.h"

namespace varve::repo {

namespace {

constexpr std::string_view kNoName("/\0", 2);
constexpr size_t kMaxAttributes = 10'000;  // Linux gives their names 64 KiB
constexpr size_t kFree = 1u << 20;

/// A node with what only matters while it is being read.
struct RawNode {
  Node node;
  std::string type;
  bool content_is_null = true;
};

Status decode_name(JsonReader& in, std::string& name) {
  std::string quoted;
  TRY(in.string(quoted));
  if (!codec::go_unquote(quoted, name)) return in.error("a name with wrong escapes");
  return {};
}

Status decode_content(JsonReader& in, RawNode& raw) {
  raw.node.content.clear();
  raw.content_is_null = in.take_null();
  if (raw.content_is_null) return {};
  return in.array([&]() -> Status {
    Id id;
    TRY(in.id(id));
    if (id.is_null()) return in.error("a null blob");
    raw.node.content.push_back(id);
    return {};
  });
}

Status decode_link_target(JsonReader& in, std::string& target) {
  Bytes raw;
  TRY(in.base64(raw));
  if (!raw.empty()) target.assign(as_text(raw));
  return {};
}

Status decode_attributes(JsonReader& in, Node& node) {
  node.extended_attributes.clear();
  return in.array([&]() -> Status {
    if (node.extended_attributes.size() == kMaxAttributes) return in.error("more attributes than any file can have");
    auto& [name, value] = node.extended_attributes.emplace_back();
    return in.object([&name = name, &value = value, &in](std::string_view key) -> Status {
      if (key == "name") return in.string(name);
      if (key == "value") return in.base64(value);
      return in.skip();
    });
  });
}

/// Kept as it is: what other systems have is not ours to understand, but to give back.
Status decode_generic_attributes(JsonReader& in, Node& node) {
  node.generic_attributes.clear();
  if (in.take_null()) return {};
  return in.raw(node.generic_attributes);
}

Status decode_subtree(JsonReader& in, Node& node) {
  node.subtree.reset();
  if (in.take_null()) return {};
  return in.id(node.subtree.emplace());
}

Status decode_member(JsonReader& in, std::string_view key, RawNode& raw) {
  auto& node = raw.node;
  if (key == "name") return decode_name(in, node.name);
  if (key == "type") return in.string(raw.type);
  if (key == "mode") return in.number(node.mode);
  if (key == "mtime") return in.time(node.mtime);
  if (key == "atime") return in.time(node.atime);
  if (key == "ctime") return in.time(node.ctime);
  if (key == "uid") return in.number(node.uid);
  if (key == "gid") return in.number(node.gid);
  if (key == "user") return in.string(node.user);
  if (key == "group") return in.string(node.group);
  if (key == "inode") return in.number(node.inode);
  if (key == "device_id") return in.number(node.device_id);
  if (key == "size") return in.number(node.size);
  if (key == "links") return in.number(node.links);
  if (key == "linktarget") return in.string(node.link_target);
  if (key == "linktarget_raw") return decode_link_target(in, node.link_target);
  if (key == "extended_attributes") return decode_attributes(in, node);
  if (key == "generic_attributes") return decode_generic_attributes(in, node);
  if (key == "error") return in.string(node.error);
  if (key == "device") return in.number(node.device);
  if (key == "content") return decode_content(in, raw);
  if (key == "subtree") return decode_subtree(in, node);
  return in.skip();
}

/// What restic's check refuses, and what its restore would refuse.
Status judge(RawNode& raw) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorKind::kCorrupt, "entry \"" + codec::go_quote(raw.node.name) + "\" " + std::string(why));
  };
  auto& node = raw.node;
  if (node.name.empty()) return fail(ErrorKind::kCorrupt, "an entry has no name");
  if (node.name == "." || node.name == ".." || node.name.find_first_of(kNoName) != std::string::npos) {
    return refuse("has a name that no file can have");
  }
  if (node.name.size() > kMaxName)
    return fail(ErrorKind::kCorrupt, "an entry has a name that is longer than any file's");
  const auto type = type_of(raw.type);
  if (!type) return refuse("is of the unknown type \"" + codec::go_quote(raw.type) + "\"");
  node.type = *type;
  if (node.type == NodeType::kFile && raw.content_is_null) return refuse("is a file without content");
  if (node.type == NodeType::kDir && !node.subtree) return refuse("is a folder without a tree");
  if (node.subtree && node.subtree->is_null()) return refuse("names a null tree");
  return {};
}

/// All that a node takes.
size_t size_of(const Node& node) {
  size_t size = sizeof node + node.content.capacity() * sizeof(Id);
  for (const auto* text :
       {&node.name, &node.user, &node.group, &node.link_target, &node.generic_attributes, &node.error}) {
    size += heap_of(*text);
  }
  size += node.extended_attributes.capacity() * sizeof node.extended_attributes[0];
  for (const auto& [name, value] : node.extended_attributes) size += heap_of(name) + value.capacity();
  return size;
}

Status decode_node(JsonReader& in, JsonBudget& budget, std::vector<Node>& nodes) {
  RawNode raw;
  raw.node.mtime = raw.node.atime = raw.node.ctime = kGoZeroTime;
  TRY(in.object([&](std::string_view key) { return decode_member(in, key, raw); }));
  TRY(judge(raw));
  TRY(budget.take(in, size_of(raw.node)));
  budget.make_room(in, nodes);
  nodes.push_back(std::move(raw.node));
  return {};
}

}  // namespace

Result<std::vector<Node>> decode_tree(std::string_view json) {
  std::vector<Node> nodes;
  JsonReader in(json);
  JsonBudget budget(json, kFree);
  TRY(in.object([&](std::string_view key) -> Status {
    if (key != "nodes") return in.skip();
    return in.array([&] { return decode_node(in, budget, nodes); });
  }));
  TRY(in.end());
  return nodes;
}

}  // namespace varve::repo
