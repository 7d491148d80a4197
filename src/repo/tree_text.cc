#include "repo/tree_text.h"

#include "repo/json_budget.h"

namespace varve::repo {

namespace {

std::string subtree_member(const Id& id) {
  return "\"subtree\":\"" + id.hex() + "\"";
}

}  // namespace

Result<std::vector<std::string>> split_nodes(std::string_view json) {
  std::vector<std::string> texts;
  JsonReader in(json);
  JsonBudget budget(json, 1u << 20);
  const auto split_one = [&]() -> Status {
    budget.make_room(in, texts);
    TRY(in.raw(texts.emplace_back()));
    return budget.take(in, sizeof(std::string) + heap_of(texts.back()));
  };
  TRY(in.object([&](std::string_view key) -> Status {
    if (key != "nodes") return in.skip();
    texts.clear();  // of equal keys the last counts
    return in.array(split_one);
  }));
  TRY(in.end());
  return texts;
}

Result<std::vector<NodeText>> decode_tree_text(std::string_view json) {
  TRY_ASSIGN(auto nodes, decode_tree(json));
  TRY_ASSIGN(auto texts, split_nodes(json));
  std::vector<NodeText> both;
  both.reserve(nodes.size());
  for (size_t i = 0; i < nodes.size() && i < texts.size(); ++i) {
    both.push_back({std::move(nodes[i]), std::move(texts[i])});
  }
  if (join_tree(both) != json) {
    return fail(ErrorKind::kUnsupported, "it cannot be written anew without losing something that it says");
  }
  return both;
}

std::string join_tree(const std::vector<NodeText>& nodes) {
  std::vector<std::string_view> texts;
  for (const auto& node : nodes) texts.push_back(node.json);
  return join_nodes(texts);
}

Status set_subtree(NodeText& folder, const Id& subtree) {
  if (folder.node.subtree == subtree) return {};
  NodeText changed = folder;
  if (folder.node.subtree) {
    const std::string before = subtree_member(*folder.node.subtree);
    if (const auto at = changed.json.rfind(before); at != std::string::npos) {
      changed.json.replace(at, before.size(), subtree_member(subtree));
    }
  }
  TRY_ASSIGN(const auto again, decode_tree(join_tree({changed})));
  if (again.size() != 1 || again.front().subtree != subtree) {
    return fail(ErrorKind::kUnsupported, "the entry of folder \"" + folder.node.name + "\" cannot be changed safely");
  }
  changed.node.subtree = subtree;
  folder = std::move(changed);
  return {};
}

}  // namespace varve::repo
