#include "maintenance/rewrite_tree.h"

#include "codec/sha256.h"
#include "maintenance/depth.h"
#include "repo/tree_text.h"

namespace varve::maintenance {

namespace {

/// What is left out may depend on where a tree stands.
Id place_of(const Id& tree, const std::string& path) {
  return codec::sha256(as_bytes(tree.hex() + path));
}

}  // namespace

Result<RewrittenTree> TreeRewriter::rewrite(const Id& tree, const std::string& path, const Cancel& cancel,
                                            size_t depth) {
  TRY(check_depth(depth));
  const Id place = place_of(tree, path);
  if (const auto found = done_.find(place); found != done_.end()) return found->second;
  TRY_ASSIGN(const auto rewritten, rewrite_anew(tree, path, cancel, depth));
  done_.emplace(place, rewritten);
  return rewritten;
}

Result<RewrittenTree> TreeRewriter::rewrite_anew(const Id& tree, const std::string& path, const Cancel& cancel,
                                                 size_t depth) {
  TRY_ASSIGN(const auto json, repository_.load_blob(repo::BlobType::kTree, tree, cancel));
  auto nodes = repo::decode_tree_text(as_text(json));
  if (!nodes) return fail(std::move(nodes).error().within("folder " + (path.empty() ? "/" : path)));

  RewrittenTree result;
  std::vector<repo::NodeText> kept;
  for (auto& entry : *nodes) {
    const std::string where = path + "/" + entry.node.name;
    if (is_left_out_ && is_left_out_(where)) {
      ++result.left_out;
      continue;
    }
    if (entry.node.type == repo::NodeType::kFile) {
      ++result.files;
      result.bytes += entry.node.size;
    } else if (entry.node.type == repo::NodeType::kDir) {
      TRY_ASSIGN(const auto below, rewrite(*entry.node.subtree, where, cancel, depth + 1));
      TRY(repo::set_subtree(entry, below.id));
      result.files += below.files;
      result.bytes += below.bytes;
      result.left_out += below.left_out;
    }
    kept.push_back(std::move(entry));
  }
  const std::string again = repo::join_tree(kept);
  result.id = codec::sha256(as_bytes(again));
  if (writer_ && result.id != tree) {
    TRY(writer_->save(repo::BlobType::kTree, to_bytes(as_bytes(again)), [](const Id&) {}));
  }
  return result;
}

}  // namespace varve::maintenance
