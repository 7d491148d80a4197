#include "maintenance/raw_node.h"

#include <algorithm>
#include <array>

#include "codec/go_json.h"
#include "repo/json_reader.h"
#include "repo/tree.h"

namespace varve::maintenance {

namespace {

using repo::JsonReader;

constexpr size_t kMaxNulls = 10'000;
constexpr size_t kMaxMembers = 100;  // programs write some twenty, and each is looked for among all

std::string quoted(const Id& id) {
  return '"' + id.hex() + '"';
}

std::string encode_ids(const std::vector<Id>& ids) {
  std::string out = "[";
  for (const Id& id : ids) {
    if (out.size() > 1) out += ',';
    out += quoted(id);
  }
  return out + "]";
}

}  // namespace

Result<RawNode> RawNode::parse(std::string json) {
  RawNode node;
  JsonReader in(json);
  TRY(in.object([&](std::string_view key) -> Status {
    auto member = node.find(key);  // of equal keys the last counts
    if (member == node.members_.end()) {
      if (node.members_.size() == kMaxMembers) return in.error("more members than any entry has");
      member = node.members_.insert(member, {std::string(key), ""});
    }
    return in.raw(member->value);
  }));
  TRY(in.end());
  for (const Member& member : node.members_) TRY(node.read(member));
  return node;
}

Status RawNode::read(const Member& member) {
  JsonReader in(member.value);
  if (member.key == "name") {
    std::string text;
    TRY(in.string(text));
    if (!codec::go_unquote(text, name_)) return in.error("a name with wrong escapes");
  } else if (member.key == "type") {
    return in.string(type_);
  } else if (member.key == "size") {
    return in.number(size_);
  } else if (member.key == "subtree") {
    subtree_.reset();
    if (!in.take_null()) return in.id(subtree_.emplace());
  } else if (member.key == "content") {
    content_.clear();
    has_content_ = !in.take_null();
    if (has_content_) return read_content(in);
  }
  return {};
}

Status RawNode::read_content(JsonReader& in) {
  size_t nulls = 0;  // a null takes as much as an id, and a twelfth of its text
  return in.array([&]() -> Status {
    TRY(in.id(content_.emplace_back()));
    nulls += content_.back().is_null();
    return nulls <= kMaxNulls ? Status() : in.error("more null blobs than any program writes");
  });
}

std::vector<RawNode::Member>::iterator RawNode::find(std::string_view key) {
  return std::find_if(members_.begin(), members_.end(), [&](const Member& member) { return member.key == key; });
}

void RawNode::set_content(std::vector<Id> content) {
  content_ = std::move(content);
  has_content_ = true;
  if (const auto old = find("content"); old != members_.end()) {
    old->value = encode_ids(content_);
  } else {
    members_.insert(std::min(find("subtree"), find("error")), {"content", encode_ids(content_)});
  }
}

/// 0 is left out.
void RawNode::set_size(uint64_t size) {
  size_ = size;
  auto at = find("size");
  if (size == 0) {
    if (at != members_.end()) members_.erase(at);
    return;
  }
  if (at == members_.end()) {
    constexpr std::array kAfter = {
        "links",   "linktarget", "linktarget_raw", "extended_attributes", "generic_attributes", "device",
        "content", "subtree",    "error"};
    const auto follows = [&](const Member& m) {
      return std::find(kAfter.begin(), kAfter.end(), m.key) != kAfter.end();
    };
    at = members_.insert(std::find_if(members_.begin(), members_.end(), follows), {"size", ""});
  }
  at->value = std::to_string(size);
}

void RawNode::set_subtree(const Id& tree) {
  subtree_ = tree;
  if (const auto old = find("subtree"); old != members_.end()) {
    old->value = quoted(tree);
  } else {
    members_.insert(find("error"), {"subtree", quoted(tree)});
  }
}

std::string RawNode::json() const {
  std::string out = "{";
  for (const Member& member : members_) {
    if (out.size() > 1) out += ',';
    out += codec::go_json_string(member.key) + ":" + member.value;
  }
  return out + "}";
}

std::string join_tree(const std::vector<std::string>& entries) {
  return repo::join_nodes({entries.begin(), entries.end()});
}

}  // namespace varve::maintenance
