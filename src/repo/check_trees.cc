#include <algorithm>

#include "repo/checker.h"
#include "repo/parallel.h"

namespace varve::repo {

Status Checker::load_snapshots() {
  TRY_ASSIGN(auto files, read_snapshot_files(repository_, cancel_));
  if (options_.limited()) {
    TRY_ASSIGN(files, select_snapshot_files(std::move(files), options_.snapshots, options_.filter));
  }
  for (auto& file : files) {
    if (file.snapshot) {
      snapshots_.push_back(std::move(*file.snapshot));
      continue;
    }
    const auto finding = findings_.error(
        file.snapshot.error().message(),
        "bring the file back from a copy, or remove it with `varve repair snapshots --forget " + file.id.hex() + "`");
    findings_.affects(finding, {file.id, ""});
    findings_.affects(finding, std::vector{file.id});
    result_.broken_snapshots.push_back(file.id);
  }
  return {};
}

/// In such an order that the first comes off the stack first.
void Checker::push_folders(const std::vector<Node>& nodes, const Place& place, TreeNumber tree,
                           std::vector<Place>& stack) {
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    if (node->type != NodeType::kDir) continue;
    if (const auto seen = trees_.find(*node->subtree); seen != trees_.end()) {
      holders_.emplace_back(seen->second, tree);
    } else {
      const std::string path = place.path.empty() ? node->name : place.path + "/" + node->name;
      stack.push_back({*node->subtree, path, place.snapshot, tree});
    }
  }
}

/// Depth first; as many trees are loaded at once as the storage likes.
Status Checker::walk(const JudgeTree& judge) {
  trees_.clear();
  holders_.clear();
  std::vector<Place> stack;
  for (size_t i = snapshots_.size(); i-- > 0;) stack.push_back({snapshots_[i].tree, "", i, kNoTree});
  const size_t at_once = std::max(4u, repository_.storage().connections());
  while (!stack.empty()) {
    std::vector<std::pair<Place, TreeNumber>> batch;
    while (!stack.empty() && batch.size() < at_once) {
      Place place = std::move(stack.back());
      stack.pop_back();
      const auto [tree, fresh] = trees_.try_emplace(place.tree, static_cast<TreeNumber>(trees_.size()));
      if (place.parent != kNoTree) holders_.emplace_back(tree->second, place.parent);
      if (fresh) batch.emplace_back(std::move(place), tree->second);
    }
    std::vector<Result<Bytes>> loaded(batch.size(), Result<Bytes>(Bytes()));
    std::vector<Result<std::vector<Node>>> decoded(batch.size(), Result<std::vector<Node>>(std::vector<Node>()));
    TRY(parallel_for(batch.size(), static_cast<unsigned>(at_once), cancel_,
                     [&](size_t i, const Cancel& inner) -> Status {
                       loaded[i] = blobs_.load(index_, BlobType::kTree, batch[i].first.tree, inner);
                       if (!loaded[i]) return is_damage(loaded[i].error()) ? Status() : Status(fail(loaded[i].error()));
                       decoded[i] = decode_tree(as_text(*loaded[i]));
                       return {};
                     }));
    for (size_t i = 0; i < batch.size(); ++i) judge(batch[i].first, batch[i].second, loaded[i], decoded[i]);
    for (size_t i = batch.size(); i-- > 0;) {
      if (decoded[i]) push_folders(*decoded[i], batch[i].first, batch[i].second, stack);
    }
  }
  return {};
}

Status Checker::check_trees() {
  return walk([&](const Place& place, TreeNumber number, const Result<Bytes>& json,
                  const Result<std::vector<Node>>& nodes) { judge_tree(place, number, json, nodes); });
}

void Checker::affects(Findings::Number finding, const Place& place, TreeNumber tree, std::string_view name) {
  if (touched_.empty() || touched_.back() != std::pair(finding, tree)) touched_.emplace_back(finding, tree);
  std::string path = place.path;
  if (!path.empty() && !name.empty()) path += '/';
  path += name;
  findings_.affects(finding, {snapshots_[place.snapshot].id, std::move(path)});
}

Findings::Number Checker::judge_lost_tree(const Id& tree, const Error& why) {
  const auto places = index_.find(BlobType::kTree, tree);
  if (places.empty()) return findings_.missing(BlobType::kTree, tree);
  if (const auto known = findings_.spoilt_by(places)) return *known;
  for (const auto& at : places) result_.broken_packs.push_back(at.pack);
  return findings_.error(why.message(),
                         "`varve check --read-data` tells what else its pack has lost; `varve repair packs " +
                             places.front().pack.hex() + "` saves the rest");
}

void Checker::judge_tree(const Place& place, TreeNumber number, const Result<Bytes>& json,
                         const Result<std::vector<Node>>& nodes) {
  if (!json) {
    const auto places = index_.find(BlobType::kTree, place.tree);
    return affects(judge_lost_tree(place.tree, json.error()), place, number, "");
  }
  if (!nodes) {
    const auto finding =
        findings_.error("tree " + place.tree.short_hex() + " cannot be used: " + nodes.error().message(),
                        "`varve repair snapshots` makes snapshots without what nobody can use");
    return affects(finding, place, number, "");
  }
  for (const auto& node : *nodes) {
    if (node.type == NodeType::kFile) judge_file(node, place, number);
  }
}

void Checker::judge_file(const Node& node, const Place& place, TreeNumber tree) {
  const bool anything_marked = findings_.anything_marked();
  for (const Id& id : node.content) {
    if (!index_.has(BlobType::kData, id)) {
      affects(findings_.missing(BlobType::kData, id), place, tree, node.name);
    } else if (anything_marked) {
      const auto spoilt = findings_.spoilt_by(index_.find(BlobType::kData, id));
      if (spoilt) affects(*spoilt, place, tree, node.name);
    }
  }
}

/// Which snapshots a finding affects: those from whose roots a touched tree can be reached.
void Checker::name_snapshots() {
  if (touched_.empty()) return;
  std::sort(touched_.begin(), touched_.end());
  std::sort(holders_.begin(), holders_.end());
  const auto holders_of = [&](TreeNumber tree) {
    return std::equal_range(holders_.begin(), holders_.end(), std::pair(tree, TreeNumber{}),
                            [](const auto& a, const auto& b) { return a.first < b.first; });
  };
  for (size_t first = 0; first < touched_.size();) {
    const auto finding = touched_[first].first;
    std::vector<TreeNumber> todo;
    for (; first < touched_.size() && touched_[first].first == finding; ++first) todo.push_back(touched_[first].second);
    std::unordered_set<TreeNumber> reached(todo.begin(), todo.end());
    while (!todo.empty()) {
      const auto [begin, end] = holders_of(todo.back());
      todo.pop_back();
      for (auto it = begin; it != end; ++it) {
        if (reached.insert(it->second).second) todo.push_back(it->second);
      }
    }
    std::vector<Id> snapshots;
    for (const auto& snapshot : snapshots_) {
      const auto root = trees_.find(snapshot.tree);
      if (root != trees_.end() && reached.contains(root->second)) snapshots.push_back(snapshot.id);
    }
    findings_.affects(finding, std::move(snapshots));
  }
}

/// Every pack that holds something of the snapshots.
Status Checker::list_packs_of_snapshots(std::unordered_set<Id>& packs) {
  const auto take = [&](BlobType type, const Id& id) {
    for (const auto& at : index_.find(type, id)) packs.insert(at.pack);
  };
  return walk([&](const Place& place, TreeNumber, const Result<Bytes>& json, const Result<std::vector<Node>>& nodes) {
    take(BlobType::kTree, place.tree);
    if (!json || !nodes) return;
    for (const auto& node : *nodes) {
      for (const Id& id : node.content) take(BlobType::kData, id);
    }
  });
}

}  // namespace varve::repo
