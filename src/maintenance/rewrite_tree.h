#pragma once

#include <unordered_map>

#include "maintenance/rewrite.h"
#include "repo/writer.h"

namespace varve::maintenance {

/// A tree without what is left out, and what it holds with all below.
struct RewrittenTree {
  Id id;
  uint64_t files = 0, bytes = 0;  ///< regular files that stay
  uint64_t left_out = 0;
};

/// Rewrites trees, each place of each tree once however many snapshots share it. One thread.
class TreeRewriter {
 public:
  /// `writer` gets the trees that change; without one nothing is stored.
  TreeRewriter(repo::Repository& repository, const IsLeftOut& is_left_out, repo::Writer* writer)
      : repository_(repository), is_left_out_(is_left_out), writer_(writer) {}

  /// `path` is "" for the root. kCorrupt, kNotFound or kUnsupported, naming the folder, if a tree that stays cannot be
  /// had or not be written anew.
  Result<RewrittenTree> rewrite(const Id& tree, const std::string& path, const Cancel& cancel, size_t depth = 0);

 private:
  Result<RewrittenTree> rewrite_anew(const Id& tree, const std::string& path, const Cancel& cancel, size_t depth);

  repo::Repository& repository_;
  const IsLeftOut& is_left_out_;
  repo::Writer* const writer_;
  std::unordered_map<Id, RewrittenTree> done_;  ///< by a digest of tree and path
};

}  // namespace varve::maintenance
