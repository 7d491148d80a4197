#include "repo/snapshot_filter.h"

#include <algorithm>

namespace varve::repo {

namespace {

constexpr const char* kOplogTag = "oplog";

bool contains(const std::vector<std::string>& have, const std::string& text) {
  return std::find(have.begin(), have.end(), text) != have.end();
}

bool contains_all(const std::vector<std::string>& have, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& text) { return contains(have, text); });
}

}  // namespace

bool has_tags(const Snapshot& snapshot, const std::vector<TagList>& lists) {
  return lists.empty() || std::any_of(lists.begin(), lists.end(), [&](const TagList& list) {
           return list.empty() ? snapshot.tags.empty() : contains_all(snapshot.tags, list);
         });
}

bool matches(const SnapshotFilter& filter, const Snapshot& snapshot) {
  return (filter.hosts.empty() || contains(filter.hosts, snapshot.hostname)) &&
         contains_all(snapshot.paths, filter.paths) && has_tags(snapshot, filter.tag_lists);
}

bool may_be_latest(const SnapshotFilter& filter, const Snapshot& snapshot) {
  const auto names_it = [](const TagList& list) { return contains(list, kOplogTag); };
  const bool meant = std::any_of(filter.tag_lists.begin(), filter.tag_lists.end(), names_it);
  return matches(filter, snapshot) && (meant || !snapshot.has_tag(kOplogTag));
}

TagList split_tags(std::string_view text) {
  TagList tags;
  while (!text.empty()) {
    const auto comma = text.find(',');
    if (const auto tag = text.substr(0, comma); !tag.empty()) tags.emplace_back(tag);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return tags;
}

std::string describe(const SnapshotFilter& filter) {
  std::string out;
  const auto add = [&](std::string_view what, const std::string& text) {
    out += (out.empty() ? " with " : ", ") + std::string(what) + " " + text;
  };
  for (const auto& host : filter.hosts) add("host", host);
  for (const auto& path : filter.paths) add("path", path);
  for (const auto& list : filter.tag_lists) {
    std::string text;
    for (const auto& tag : list) text += (text.empty() ? "" : ",") + tag;
    add("tag", text.empty() ? "none" : text);
  }
  return out;
}

}  // namespace varve::repo
