#include <algorithm>

#include "repo/index.h"

namespace varve::repo {

Result<Node> find_node(Repository& repository, const Id& tree, std::string_view path, const Cancel& cancel) {
  const auto missing = [&] {
    return fail(ErrorKind::kNotFound, "there is no \"" + std::string(path) + "\" in the snapshot");
  };
  Node node;
  node.type = NodeType::kDir;
  node.subtree = tree;
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    if (name.empty()) continue;
    if (!node.subtree) return missing();
    TRY_ASSIGN(auto nodes, repository.load_tree(*node.subtree, cancel));
    // Old trees need not be sorted.
    const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.name == name; });
    if (found == nodes.end()) return missing();
    node = std::move(*found);
  }
  return node;
}

Result<Bytes> read_file(Repository& repository, const Node& node, const Cancel& cancel, size_t limit) {
  if (node.type != NodeType::kFile) return fail(ErrorKind::kInvalidInput, "\"" + node.name + "\" is not a file");
  const auto too_large = [&] {
    return fail(ErrorKind::kCorrupt, "file \"" + node.name + "\" is larger than " + std::to_string(limit) + " bytes");
  };
  if (node.size > limit) return too_large();
  Bytes content;
  content.reserve(node.size);
  for (const Id& id : node.content) {
    TRY_ASSIGN(const auto blob, repository.load_blob(BlobType::kData, id, cancel));
    if (blob.size() > limit - content.size()) return too_large();
    append(content, blob);
  }
  return content;
}

}  // namespace varve::repo
