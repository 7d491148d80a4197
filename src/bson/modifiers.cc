#include "bson/modifiers.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "bson/building.h"

namespace varve::bson {

namespace {

tl::unexpected<Error> bad_update(std::string_view why) {
  return fail(ErrorKind::kCorrupt, "an update " + std::string(why));
}

/// The paths of $set and $unset as a tree. A leaf sets or unsets, an inner node leads to others.
struct Node {
  std::string_view name;
  std::optional<Element> value;  // to be set
  bool unset = false;
  bool creates = false;  // something below is to be set
  bool done = false;
  std::vector<std::unique_ptr<Node>> children;  // in the order of the update
  std::unordered_map<std::string_view, Node*> by_name;

  bool is_leaf() const { return value || unset; }
  Node* find(std::string_view child) const {
    const auto found = by_name.find(child);
    return found == by_name.end() ? nullptr : found->second;
  }
  Node& child(std::string_view child_name) {
    if (Node* const known = find(child_name)) return *known;
    children.push_back(std::make_unique<Node>());
    children.back()->name = child_name;
    by_name.emplace(child_name, children.back().get());
    return *children.back();
  }
};

// A real update stays far below; a hostile one could make a hundred times its size of them.
constexpr size_t kMaxSteps = 1u << 20;

Status add_path(Node& root, const Element& element, bool set, size_t& steps) {
  Node* node = &root;
  std::string_view rest = element.name();
  for (int depth = 0;; ++depth) {
    if (depth > kMaxUpdateDepth) return bad_update("with a path deeper than any document");
    if (++steps > kMaxSteps) return bad_update("with more paths than any document has fields");
    node->creates |= set;
    const size_t dot = rest.find('.');
    node = &node->child(rest.substr(0, dot));
    if (node->is_leaf()) return bad_update("that names a path twice");
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (!node->children.empty()) return bad_update("that names a path and what is below it");
  node->creates = set;
  node->unset = !set;
  if (set) node->value = element;
  return {};
}

Status read_modifiers(View o, Node& root) {
  bool set = false, unset = false;
  size_t steps = 0;
  auto elements = o.elements();
  while (const auto element = elements.next()) {
    const std::string_view name = element->name();
    if (name == "$v") continue;
    if (name != "$set" && name != "$unset") {
      return fail(ErrorKind::kUnsupported, "an update with '" + std::string(name) + "'");
    }
    const auto paths = element->as_document();
    bool& seen = name == "$set" ? set : unset;
    if (!paths || std::exchange(seen, true)) {
      return bad_update("whose " + std::string(name) + " is no document or there twice");
    }
    auto each = paths->elements();
    while (const auto path = each.next()) TRY(add_path(root, *path, name == "$set", steps));
    if (!each.valid()) return bad_update("that is not BSON");
  }
  return elements.valid() ? Status() : Status(bad_update("that is not BSON"));
}

/// What a path that leads to nothing creates: documents down to the value.
void create_into(std::string_view name, const Node& node, Building& out) {
  if (node.value) {
    out.add(name, *node.value);
    return;
  }
  out.begin(name, Type::kDocument);
  Building inner(out.bytes());
  for (const auto& child : node.children) {
    if (child->creates) create_into(child->name, *child, inner);
  }
  inner.finish();
}

Status change_into(std::string_view name, const Element& old, const Node& node, Building& out);

Status document_into(View document, const Node& node, Bytes& bytes) {
  Building out(bytes);
  auto elements = document.elements();
  while (const auto element = elements.next()) {
    Node* const change = node.find(element->name());
    if (change == nullptr) {
      out.add(*element);
    } else {
      change->done = true;
      if (!change->unset) TRY(change_into(element->name(), *element, *change, out));
    }
    if (out.too_large()) return too_large();
  }
  if (!elements.valid()) return fail(ErrorKind::kCorrupt, "a document to be updated is not BSON");
  for (const auto& child : node.children) {
    if (!child->done && child->creates) create_into(child->name, *child, out);
  }
  out.finish();
  return {};
}

/// The changes of an array by position, ascending. Names that are no positions lead nowhere.
std::vector<std::pair<uint32_t, const Node*>> by_position(const Node& node) {
  std::vector<std::pair<uint32_t, const Node*>> changes;
  for (const auto& child : node.children) {
    if (const auto index = array_index(child->name)) changes.emplace_back(*index, child.get());
  }
  std::ranges::sort(changes);
  return changes;
}

/// What is created beyond an array's end, with null in between.
Status pad_into(size_t size, const std::vector<std::pair<uint32_t, const Node*>>& changes, size_t next, Building& out) {
  for (; next < changes.size(); ++next) {
    const auto& [index, change] = changes[next];
    if (!change->creates) continue;
    for (; size < index; ++size) {
      out.add_null(std::to_string(size));
      if (out.too_large()) return too_large();
    }
    create_into(std::to_string(size++), *change, out);
  }
  return {};
}

Status array_into(View array, const Node& node, Bytes& bytes) {
  const auto changes = by_position(node);
  if (std::ranges::adjacent_find(changes, {}, &std::pair<uint32_t, const Node*>::first) != changes.end()) {
    return fail(ErrorKind::kUnsupported, "an update that names one position of an array in two ways");
  }
  Building out(bytes);
  size_t size = 0, next = 0;
  auto elements = array.elements();
  for (; const auto element = elements.next(); ++size) {
    if (next == changes.size() || changes[next].first != size) {
      out.add(*element);
      continue;
    }
    const Node& change = *changes[next++].second;
    if (change.unset) {
      out.add_null(element->name());
    } else {
      TRY(change_into(element->name(), *element, change, out));
    }
    if (out.too_large()) return too_large();
  }
  if (!elements.valid()) return fail(ErrorKind::kCorrupt, "a document to be updated is not BSON");
  TRY(pad_into(size, changes, next, out));
  out.finish();
  return {};
}

Status change_into(std::string_view name, const Element& old, const Node& node, Building& out) {
  if (node.value) {
    out.add(name, *node.value);
  } else if (old.type() == Type::kDocument) {
    out.begin(name, old.type());
    return document_into(View(old.value()), node, out.bytes());
  } else if (old.type() == Type::kArray) {
    out.begin(name, old.type());
    return array_into(View(old.value()), node, out.bytes());
  } else {
    out.add(old);  // the path leads through something that is no document
  }
  return {};
}

}  // namespace

Result<Document> apply_modifiers(View document, View o) {
  Node root;
  TRY(read_modifiers(o, root));
  Bytes out;
  out.reserve(document.bytes().size() + o.bytes().size());
  TRY(document_into(document, root, out));
  return Document::adopt(std::move(out));
}

}  // namespace varve::bson
