#include "files/parent_folder.h"

#include <algorithm>

namespace varve::files {

Result<ParentFolder> ParentFolder::load(repo::Destinations& to, size_t of, const std::optional<Id>& tree,
                                        Ledger& ledger, const Cancel& cancel) {
  ParentFolder folder;
  if (!tree) return folder;
  auto nodes = to.load_tree(of, *tree);
  TRY(cancel.check());
  if (nodes) {
    if (*nodes) folder.nodes_ = std::move(**nodes);
    std::ranges::sort(folder.nodes_, {}, &repo::Node::name);  // old programs did not always
  } else {
    ledger.problem("tree " + tree->short_hex() + " of the parent snapshot", nodes.error());
  }
  return folder;
}

std::optional<repo::Node> ParentFolder::take(const std::string& name) {
  while (next_ < nodes_.size() && nodes_[next_].name < name) ++next_;
  if (next_ == nodes_.size() || nodes_[next_].name != name) return std::nullopt;
  return std::move(nodes_[next_++]);
}

}  // namespace varve::files
