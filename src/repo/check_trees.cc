#include <algorithm>

#include <fmt/format.h>

#include "repo/checker.h"
#include "repo/parallel.h"
#include "repo/unpacked.h"

namespace varve::repo {

using storage::FileType;

Status Checker::check_snapshots() {
  TRY_ASSIGN(const auto files, list_files(repository_.storage(), FileType::kSnapshot, cancel_));
  for (const auto& file : files) {
    const auto json = load_unpacked(repository_, FileType::kSnapshot, file.id, file.size, cancel_);
    if (!json && !is_damage(json.error())) return fail(json.error());
    auto snapshot = json ? decode_snapshot(*json, file.id) : Result<Snapshot>(fail(json.error()));
    if (snapshot) {
      snapshots_.push_back(std::move(*snapshot));
    } else {
      findings_.error(snapshot.error().message());
    }
  }
  std::sort(snapshots_.begin(), snapshots_.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  return walk(cancel_);
}

/// Depth first; as many trees are loaded at once as the storage likes.
Status Checker::walk(const Cancel& cancel) {
  std::vector<Place> stack;
  for (size_t i = snapshots_.size(); i-- > 0;) stack.push_back({snapshots_[i].tree, "", i});
  const size_t at_once = std::max(1u, repository_.storage().connections());
  while (!stack.empty()) {
    std::vector<Place> batch;
    while (!stack.empty() && batch.size() < at_once) {
      if (seen_trees_.insert(stack.back().tree).second) batch.push_back(std::move(stack.back()));
      stack.pop_back();
    }
    std::vector<Result<Bytes>> loaded(batch.size(), Result<Bytes>(Bytes()));
    TRY(parallel_for(batch.size(), static_cast<unsigned>(at_once), cancel,
                     [&](size_t i, const Cancel& inner) -> Status {
                       loaded[i] = blobs_.load(index_, BlobType::kTree, batch[i].tree, inner);
                       const bool fatal = !loaded[i] && !is_damage(loaded[i].error());
                       return fatal ? Status(fail(loaded[i].error())) : Status();
                     }));
    for (size_t i = batch.size(); i-- > 0;) {
      judge_tree(batch[i], loaded[i], stack);
      loaded[i] = Bytes();
    }
  }
  return {};
}

std::string Checker::full_path(const Place& place, std::string_view name) const {
  const std::string& folder = place.path;
  const std::string below =
      folder.empty() || name.empty() ? folder + std::string(name) : folder + "/" + std::string(name);
  return "snapshot " + snapshots_[place.snapshot].id.short_hex() + ": " + (below.empty() ? "/" : below);
}

void Checker::judge_tree(const Place& place, const Result<Bytes>& json, std::vector<Place>& stack) {
  if (!json) {
    const auto known = findings_.spoilt_by(index_.find(BlobType::kTree, place.tree));
    return findings_.affects(known ? *known : findings_.error(json.error().message()), full_path(place, ""));
  }
  result_.bytes_read += json->size();
  const auto nodes = decode_tree(as_text(*json));
  if (!nodes) {
    const auto finding =
        findings_.error("tree " + place.tree.short_hex() + " cannot be used: " + nodes.error().message());
    return findings_.affects(finding, full_path(place, ""));
  }
  for (auto node = nodes->rbegin(); node != nodes->rend(); ++node) {
    if (node->type == NodeType::kFile) judge_file(*node, full_path(place, node->name));
    if (node->type != NodeType::kDir || seen_trees_.contains(*node->subtree)) continue;
    stack.push_back({*node->subtree, place.path.empty() ? node->name : place.path + "/" + node->name, place.snapshot});
  }
}

void Checker::judge_file(const Node& node, const std::string& path) {
  const bool anything_marked = findings_.anything_marked();
  size_t missing = 0;
  const Id* first = nullptr;
  for (const Id& id : node.content) {
    if (!index_.has(BlobType::kData, id)) {
      if (missing++ == 0) first = &id;
    } else if (anything_marked) {
      const auto spoilt = findings_.spoilt_by(index_.find(BlobType::kData, id));
      if (spoilt) findings_.affects(*spoilt, path);
    }
  }
  if (missing == 0) return;
  std::string what = "data blob " + first->short_hex() + " is in no index";
  if (missing > 1) what += fmt::format(", nor are {} more of the same file", missing - 1);
  findings_.affects(findings_.error(std::move(what)), path);
}

}  // namespace varve::repo
