#include "maintenance/group.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace varve::maintenance {

namespace {

std::vector<std::string> sorted(std::vector<std::string> list) {
  std::sort(list.begin(), list.end());
  return list;
}

void add_list(std::string& out, std::string_view noun, const std::vector<std::string>& list) {
  if (list.empty()) return;
  if (!out.empty()) out += ", ";
  out += noun;
  if (list.size() > 1) out += 's';
  for (size_t i = 0; i < list.size(); ++i) out += (i == 0 ? " " : i + 1 < list.size() ? ", " : " and ") + list[i];
}

}  // namespace

Result<GroupBy> parse_group_by(std::string_view text) {
  GroupBy by{false, false, false};
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto word = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (word == "host" || word == "hosts") {
      by.host = true;
    } else if (word == "path" || word == "paths") {
      by.paths = true;
    } else if (word == "tag" || word == "tags") {
      by.tags = true;
    } else if (!word.empty()) {
      return fail(Error(ErrorKind::kInvalidInput, "snapshots cannot be grouped by \"" + std::string(word) + "\"")
                      .hint("host, paths and tags are possible, separated by commas; '' makes one group of all"));
    }
  }
  return by;
}

std::vector<SnapshotGroup> group_snapshots(std::vector<repo::Snapshot> snapshots, const GroupBy& by) {
  std::sort(snapshots.begin(), snapshots.end(),
            [](const auto& a, const auto& b) { return std::tie(b.time, a.id) < std::tie(a.time, b.id); });
  using Key = std::tuple<std::string, std::vector<std::string>, std::vector<std::string>>;
  std::map<Key, SnapshotGroup> groups;
  for (auto& snapshot : snapshots) {
    Key key;
    auto& [host, paths, tags] = key;
    if (by.host) host = snapshot.hostname;
    if (by.paths) paths = sorted(snapshot.paths);
    if (by.tags) tags = sorted(snapshot.tags);
    groups[std::move(key)].snapshots.push_back(std::move(snapshot));
  }
  std::vector<SnapshotGroup> out;
  for (auto& [key, group] : groups) {
    std::tie(group.host, group.paths, group.tags) = key;
    out.push_back(std::move(group));
  }
  return out;
}

std::string describe(const SnapshotGroup& group) {
  std::string out = group.host.empty() ? "" : "host " + group.host;
  add_list(out, "path", group.paths);
  add_list(out, "tag", group.tags);
  return out.empty() ? "all snapshots" : out;
}

}  // namespace varve::maintenance
