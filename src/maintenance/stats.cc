#include "maintenance/stats.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "codec/seal.h"
#include "codec/sha256.h"
#include "maintenance/depth.h"
#include "repo/pack.h"
#include "repo/walk_trees.h"

namespace varve::maintenance {

namespace {

using repo::BlobType;
using repo::Node;
using repo::NodeType;
using repo::Repository;
using repo::Snapshot;

Result<repo::BlobLocation> place_of(Repository& repository, BlobType type, const Id& id) {
  const auto places = repository.index().find(type, id);
  if (!places.empty()) return places.front();
  return fail(Error(ErrorKind::kCorrupt, "blob " + id.short_hex() + " is in no pack, so it cannot be counted")
                  .hint("`varve check` tells which snapshots miss it"));
}

/// Every entry of a snapshot, whether its content was met before or not; only hard links count once.
class RestoreSize {
 public:
  RestoreSize(Repository& repository, Stats& stats) : repository_(repository), stats_(stats) {}

  Status add(const Snapshot& snapshot, const Cancel& cancel) {
    links_.clear();
    TRY_ASSIGN(const auto totals, walk(snapshot.tree, 0, cancel));
    stats_.files += totals.entries;
    stats_.size += totals.bytes;
    return {};
  }

 private:
  struct Totals {
    uint64_t entries = 0, bytes = 0;
    bool has_links = false;  ///< what it adds depends on what else is in the snapshot
  };

  Result<Totals> walk(const Id& tree, size_t depth, const Cancel& cancel) {
    TRY(check_depth(depth));
    if (const auto known = known_.find(tree); known != known_.end()) return known->second;
    TRY_ASSIGN(const auto nodes, repository_.load_tree(tree, cancel));
    Totals totals;
    for (const auto& node : nodes) {
      add(node, totals);
      if (node.type != NodeType::kDir) continue;
      TRY_ASSIGN(const auto below, walk(*node.subtree, depth + 1, cancel));
      totals.entries += below.entries;
      totals.bytes += below.bytes;
      totals.has_links = totals.has_links || below.has_links;
    }
    if (!totals.has_links) known_.emplace(tree, totals);
    return totals;
  }

  void add(const Node& node, Totals& totals) {
    ++totals.entries;
    const bool is_link = node.links != 1 && node.type != NodeType::kDir && node.inode != 0;
    if (is_link) totals.has_links = true;
    if (!is_link || links_.emplace(node.device_id, node.inode).second) totals.bytes += node.size;
  }

  Repository& repository_;
  Stats& stats_;
  std::unordered_map<Id, Totals> known_;
  std::set<std::pair<uint64_t, uint64_t>> links_;  ///< of the snapshot
};

/// Files of different content; what lies in a tree that was met before is no news.
class ByContents {
 public:
  ByContents(Repository& repository, bool blobs, Stats& stats)
      : repository_(repository), blobs_(blobs), stats_(stats) {}

  Status add(const Snapshot& snapshot, const Cancel& cancel) { return walk(snapshot.tree, "", 0, cancel); }

 private:
  Status walk(const Id& tree, const std::string& path, size_t depth, const Cancel& cancel) {
    TRY(check_depth(depth));
    if (!trees_.insert(tree).second) return {};
    TRY_ASSIGN(const auto nodes, repository_.load_tree(tree, cancel));
    for (const auto& node : nodes) {
      const std::string where = path + "/" + node.name;
      if (contents_.insert(digest(node)).second) TRY(count(node, where));
      if (node.type == NodeType::kDir) TRY(walk(*node.subtree, where, depth + 1, cancel));
    }
    return {};
  }

  static Id digest(const Node& node) {
    Bytes ids;
    for (const auto& id : node.content) append(ids, id.bytes);
    return codec::sha256(ids);
  }

  Status count(const Node& node, const std::string& where) {
    if (!blobs_) {
      ++stats_.files;
      stats_.size += node.size;
      return {};
    }
    if (node.content.empty()) return {};
    auto [file, is_new] = blobs_of_.try_emplace(where);
    stats_.files += is_new;
    for (const auto& id : node.content) {
      if (!file->second.insert(id).second) continue;
      TRY_ASSIGN(const auto at, place_of(repository_, BlobType::kData, id));
      TRY_ASSIGN(const uint64_t length, repo::plain_length(at));
      stats_.size += length;
      ++stats_.blobs;
    }
    return {};
  }

  Repository& repository_;
  const bool blobs_;
  Stats& stats_;
  std::unordered_set<Id> trees_, contents_;
  std::unordered_map<std::string, std::set<Id>> blobs_of_;
};

/// Every blob that the snapshots reach, once.
class RawData {
 public:
  RawData(Repository& repository, Stats& stats) : repository_(repository), stats_(stats) {}

  Status add_all(const std::vector<Snapshot>& snapshots, const Cancel& cancel) {
    std::vector<Id> roots;
    for (const auto& snapshot : snapshots) roots.push_back(snapshot.tree);
    const auto visit = [&](const Id& id, const Result<std::vector<Node>>& nodes) -> Status {
      if (!nodes) return fail(nodes.error());
      std::lock_guard lock(mutex_);
      TRY(count(BlobType::kTree, id));
      for (const auto& node : *nodes) {
        if (node.type != NodeType::kFile) continue;
        for (const auto& blob : node.content) {
          if (data_.insert(blob).second) TRY(count(BlobType::kData, blob));
        }
      }
      return {};
    };
    return repo::walk_trees(repository_, roots, visit, cancel);
  }

 private:
  Status count(BlobType type, const Id& id) {
    TRY_ASSIGN(const auto at, place_of(repository_, type, id));
    ++stats_.blobs;
    stats_.size += at.length;
    if (repository_.config().version < 2) return {};
    TRY_ASSIGN(const uint64_t length, repo::plain_length(at));
    const uint64_t before = length + codec::kSealOverhead;
    stats_.uncompressed_size += before;
    if (at.plain_length != 0) {
      stats_.compressed_blobs += at.length;
      stats_.compressed_blobs_before += before;
    }
    return {};
  }

  Repository& repository_;
  Stats& stats_;
  std::mutex mutex_;
  std::unordered_set<Id> data_;
};

template <typename Counter>
Status each(const std::vector<Snapshot>& snapshots, Counter&& counter, Reporter& reporter, const Cancel& cancel) {
  for (size_t i = 0; i < snapshots.size(); ++i) {
    TRY(cancel.check());
    reporter.progress({.action = "stats",
                       .item = "snapshot " + snapshots[i].id.short_hex(),
                       .items = i,
                       .items_total = snapshots.size()});
    TRY(counter.add(snapshots[i], cancel));
  }
  return {};
}

double ratio(uint64_t a, uint64_t b) {
  return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
}

}  // namespace

double Stats::compression_ratio() const {
  return ratio(compressed_blobs_before, compressed_blobs);
}
double Stats::compression_progress() const {
  return ratio(compressed_blobs_before, uncompressed_size) * 100;
}
double Stats::compression_space_saving() const {
  return uncompressed_size == 0 ? 0 : (1 - ratio(size, uncompressed_size)) * 100;
}

Result<Stats> collect_stats(Repository& repository, const std::vector<Snapshot>& snapshots, StatsMode mode,
                            Reporter& reporter, const Cancel& cancel) {
  Stats stats;
  stats.snapshots = snapshots.size();
  switch (mode) {
    case StatsMode::kRestoreSize:
      TRY(each(snapshots, RestoreSize(repository, stats), reporter, cancel));
      break;
    case StatsMode::kRawData:
      TRY(RawData(repository, stats).add_all(snapshots, cancel));
      break;
    default:
      TRY(each(snapshots, ByContents(repository, mode == StatsMode::kBlobsPerFile, stats), reporter, cancel));
  }
  return stats;
}

}  // namespace varve::maintenance
