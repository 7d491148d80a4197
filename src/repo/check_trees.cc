#include <algorithm>

#include "base/parallel.h"
#include "repo/checker.h"

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

std::vector<Checker::Place> Checker::roots() {
  std::vector<Place> roots;
  for (uint32_t i = 0; i < snapshots_.size(); ++i) {
    const auto [number, is_new] = trees_.meet(snapshots_[i].tree, TreeNumbers::kNone, "");
    if (is_new) roots.push_back({snapshots_[i].tree, number, i});
  }
  std::reverse(roots.begin(), roots.end());
  return roots;
}

/// In such an order that the first comes off the stack first. Each tree once, wherever it stands: however many folders
/// are said to be one and the same, no more waits than there are trees.
void Checker::push_folders(const std::vector<Node>& nodes, const Place& place, std::vector<Place>& stack) {
  const auto before = static_cast<std::ptrdiff_t>(stack.size());
  const auto held = static_cast<std::ptrdiff_t>(holders_.size());
  for (const auto& node : nodes) {
    if (node.type != NodeType::kDir) continue;
    const auto [number, is_new] = trees_.meet(*node.subtree, place.number, node.name);
    if (is_new) stack.push_back({*node.subtree, number, place.snapshot});
    if (held == std::ssize(holders_) || holders_.back().first != number) holders_.emplace_back(number, place.number);
  }
  std::reverse(stack.begin() + before, stack.end());
  std::sort(holders_.begin() + held, holders_.end());
  holders_.erase(std::unique(holders_.begin() + held, holders_.end()), holders_.end());
}

/// Depth first; as many trees are loaded at once as the storage likes.
Status Checker::walk(const JudgeTree& judge, const CheckProgress& progress) {
  trees_ = {};
  holders_.clear();
  std::vector<Place> stack = roots();
  const size_t at_once = std::max(4u, repository_.storage().connections());
  while (!stack.empty()) {
    // The snapshots come in their order: all before the next one are done.
    if (progress) progress("snapshots", stack.back().snapshot, snapshots_.size());
    std::vector<Place> batch;
    for (; !stack.empty() && batch.size() < at_once; stack.pop_back()) batch.push_back(stack.back());
    std::vector<Result<Bytes>> loaded(batch.size(), Result<Bytes>(Bytes()));
    std::vector<Result<std::vector<Node>>> decoded(batch.size(), Result<std::vector<Node>>(std::vector<Node>()));
    TRY(parallel_for(batch.size(), static_cast<unsigned>(at_once), cancel_,
                     [&](size_t i, const Cancel& inner) -> Status {
                       loaded[i] = trees_ahead_.load(index_, BlobType::kTree, batch[i].tree, inner);
                       if (!loaded[i]) return is_damage(loaded[i].error()) ? Status() : Status(fail(loaded[i].error()));
                       decoded[i] = decode_tree(as_text(*loaded[i]));
                       return {};
                     }));
    for (size_t i = 0; i < batch.size(); ++i) judge(batch[i], loaded[i], decoded[i]);
    for (size_t i = batch.size(); i-- > 0;) {
      if (decoded[i]) push_folders(*decoded[i], batch[i], stack);
    }
  }
  return {};
}

Status Checker::check_trees(const CheckProgress& progress) {
  const auto judge = [&](const Place& place, const Result<Bytes>& json, const Result<std::vector<Node>>& nodes) {
    judge_tree(place, json, nodes);
  };
  return walk(judge, progress);
}

void Checker::affects(Findings::Number finding, const Place& place, std::string_view name) {
  const std::pair touched(finding, place.number);
  if (touched_.empty() || touched_.back() != touched) touched_.push_back(touched);
  if (findings_.names_enough(finding)) return findings_.affects_more(finding);
  std::string path = trees_.path(place.number);
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

void Checker::judge_tree(const Place& place, const Result<Bytes>& json, const Result<std::vector<Node>>& nodes) {
  if (!json) return affects(judge_lost_tree(place.tree, json.error()), place, "");
  if (!nodes) {
    const auto finding =
        findings_.error("tree " + place.tree.short_hex() + " cannot be used: " + nodes.error().message(),
                        "`varve repair snapshots` makes snapshots without what nobody can use");
    return affects(finding, place, "");
  }
  for (const auto& node : *nodes) {
    if (node.type == NodeType::kFile) judge_file(node, place);
  }
}

void Checker::judge_file(const Node& node, const Place& place) {
  const bool anything_marked = findings_.anything_marked();
  std::optional<Findings::Number> last;  // of many blobs that are lost alike the file is named once
  for (const Id& id : node.content) {
    std::optional<Findings::Number> finding;
    if (!index_.has(BlobType::kData, id)) {
      finding = findings_.missing(BlobType::kData, id);
    } else if (anything_marked) {
      finding = findings_.spoilt_by(index_.find(BlobType::kData, id));
    }
    if (finding && finding != last) affects(*finding, place, node.name);
    if (finding) last = finding;
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
      if (reached.contains(trees_.find(snapshot.tree))) snapshots.push_back(snapshot.id);
    }
    findings_.affects(finding, std::move(snapshots));
  }
}

/// Every pack that holds something of the snapshots.
Status Checker::list_packs_of_snapshots(std::unordered_set<Id>& packs) {
  const auto take = [&](BlobType type, const Id& id) {
    for (const auto& at : index_.find(type, id)) packs.insert(at.pack);
  };
  return walk(
      [&](const Place& place, const Result<Bytes>& json, const Result<std::vector<Node>>& nodes) {
        take(BlobType::kTree, place.tree);
        if (!json || !nodes) return;
        for (const auto& node : *nodes) {
          for (const Id& id : node.content) take(BlobType::kData, id);
        }
      },
      {});
}

}  // namespace varve::repo
