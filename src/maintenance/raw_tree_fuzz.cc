#include <cstdlib>

#include "base/fuzz.h"
#include "maintenance/raw_node.h"
#include "repo/tree_text.h"

using namespace varve;

/// An entry that is changed and changed back is what it was; what is read and written again reads the same.
VARVE_FUZZ(raw_tree) {
  const auto entries = repo::split_nodes(as_text(bytes));
  if (!entries) return;
  if (repo::split_nodes(maintenance::join_tree(*entries)) != *entries) std::abort();
  for (const auto& entry : *entries) {
    auto node = maintenance::RawNode::parse(entry);
    if (!node) continue;
    node->set_content(node->content());
    node->set_size(node->size() / 2);
    if (node->subtree()) node->set_subtree(*node->subtree());
    const auto again = maintenance::RawNode::parse(node->json());
    if (!again || again->name() != node->name() || again->content() != node->content() ||
        again->size() != node->size()) {
      std::abort();
    }
  }
}
