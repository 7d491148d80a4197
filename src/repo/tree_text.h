#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "repo/tree.h"

namespace varve::repo {

/// A node with the text that it stands in its tree with. Who changes a tree puts it together again from these texts:
/// the zones of times, and fields that this program does not know, are nothing that it could write anew.
struct NodeText {
  Node node;
  std::string json;
};

/// The text of each node of a tree, which need not be one that decode_tree takes but for the memory that it takes.
Result<std::vector<std::string>> split_nodes(std::string_view json);
/// As decode_tree, and kUnsupported for a tree that join_tree would not give back as it is.
Result<std::vector<NodeText>> decode_tree_text(std::string_view json);
/// The tree of these nodes.
std::string join_tree(const std::vector<NodeText>& nodes);
/// Puts another tree into the node of a folder. kUnsupported if its text is not as any program is known to write it.
Status set_subtree(NodeText& folder, const Id& subtree);

}  // namespace varve::repo
