#include "maintenance/tag.h"

#include <algorithm>

#include "maintenance/replace_snapshot.h"

namespace varve::maintenance {

namespace {

bool contains(const std::vector<std::string>& tags, const std::string& tag) {
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

}  // namespace

std::vector<std::string> changed_tags(const std::vector<std::string>& tags, const TagChange& change) {
  if (change.set) return *change.set;
  std::vector<std::string> changed = tags;
  for (const auto& tag : change.add) {
    if (!contains(changed, tag)) changed.push_back(tag);
  }
  std::erase_if(changed, [&](const std::string& tag) { return contains(change.remove, tag); });
  return changed;
}

Result<std::optional<Id>> change_tags(repo::Repository& repository, const repo::Snapshot& snapshot,
                                      const TagChange& change, const Cancel& cancel) {
  repo::Snapshot changed = snapshot;
  changed.tags = changed_tags(snapshot.tags, change);
  if (changed.tags == snapshot.tags) return std::nullopt;
  if (!changed.original) changed.original = snapshot.id;
  TRY_ASSIGN(const Id id, replace_snapshot(repository, changed, cancel));
  return id;
}

}  // namespace varve::maintenance
