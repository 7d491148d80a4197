#include "job/oplog_archive.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "bson/document.h"
#include "job/layout.h"

namespace varve::job {

namespace {

Error no_archive(const repo::Snapshot& snapshot) {
  return Error(ErrorKind::kCorrupt, "snapshot " + snapshot.id.short_hex() + " holds no oplog archive of varve's");
}

}  // namespace

std::vector<StoredSlice> slices_in(const std::vector<repo::Node>& files) {
  constexpr std::string_view kDescription = ".json";
  std::map<std::string_view, const repo::Node*> descriptions;
  for (const auto& file : files) {
    const std::string_view name = file.name;
    if (name.ends_with(kDescription)) descriptions[name.substr(0, name.size() - kDescription.size())] = &file;
  }
  std::vector<StoredSlice> slices;
  for (const auto& file : files) {
    const auto span = collection::parse_slice_name(file.name);
    if (!span || file.type != repo::NodeType::kFile) continue;
    StoredSlice slice{.span = *span, .data = file, .info = {}};
    const auto described = descriptions.find(collection::slice_name(*span));
    if (described != descriptions.end()) slice.info = *described->second;
    slices.push_back(std::move(slice));
  }
  std::ranges::sort(slices, {}, [](const StoredSlice& slice) { return std::pair(slice.span.last, slice.span.after); });
  return slices;
}

Result<std::optional<repo::Snapshot>> newest_archive(repo::Repository& repository, const std::string& source,
                                                     const Cancel& cancel) {
  TRY_ASSIGN(auto snapshots, repository.snapshots(cancel));
  const std::vector<std::string> paths = {archive_path(source)};
  for (auto it = snapshots.rbegin(); it != snapshots.rend(); ++it) {
    if (it->paths == paths) return std::optional(std::move(*it));
  }
  return std::nullopt;
}

std::vector<std::string> slice_path(const std::string& source, const std::string& set_folder, bson::Timestamp last) {
  const auto path = archive_path(source).substr(1) + "/" + set_folder + "/" + collection::slice_folder(last);
  std::vector<std::string> names;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t slash = std::min(path.find('/', begin), path.size());
    names.push_back(path.substr(begin, slash - begin));
    begin = slash + 1;
  }
  return names;
}

repo::Snapshot new_archive_snapshot(const std::string& source, const std::string& run,
                                    const std::optional<repo::Snapshot>& parent, const Id& tree, Time time) {
  repo::Snapshot snapshot;
  snapshot.time = time;
  snapshot.tree = tree;
  if (parent) snapshot.parent = parent->id;
  snapshot.paths = {archive_path(source)};
  snapshot.hostname = source;
  snapshot.username = "varve";
  snapshot.tags = {std::string(kOplogTag), std::string(kIdentityTagPrefix) + run};
  return snapshot;
}

bool is_as_written(const repo::Snapshot& of_archive) {
  return of_archive.tags.size() == 2 && of_archive.has_tag(kOplogTag) && !of_archive.original;
}

std::vector<repo::Snapshot> made_from(const repo::Snapshot& newest, const std::vector<repo::Snapshot>& of_archive) {
  std::map<Id, const repo::Snapshot*> all;
  for (const auto& snapshot : of_archive) all.emplace(snapshot.id, &snapshot);
  all.erase(newest.id);
  std::vector<repo::Snapshot> before;
  for (auto parent = newest.parent; parent;) {
    const auto found = all.find(*parent);
    if (found == all.end()) break;
    parent = found->second->parent;
    before.push_back(*found->second);
    all.erase(found);  // whatever a parent says, each counts once
  }
  std::ranges::reverse(before);
  return before;
}

Result<OplogArchive> OplogArchive::open(repo::Repository& repository, repo::Snapshot snapshot, const Cancel& cancel) {
  if (snapshot.paths.size() != 1) return fail(no_archive(snapshot));
  OplogArchive archive(repository, std::move(snapshot));
  const auto root =
      repo::find_node(repository, archive.snapshot_.tree, archive.snapshot_.paths.front().substr(1), cancel);
  if (!root && root.error().kind() == ErrorKind::kNotFound) return fail(no_archive(archive.snapshot_));
  TRY(root);
  if (!root->subtree) return fail(no_archive(archive.snapshot_));
  TRY_ASSIGN(const auto sets, repository.load_tree(*root->subtree, cancel));
  if (sets.size() != 1 || !sets.front().subtree) return fail(no_archive(archive.snapshot_));
  archive.set_name_ = sets.front().name;
  archive.set_tree_ = *sets.front().subtree;
  return archive;
}

/// `below`: the names of the folders on the way to the first hour that counts, each with a slash.
Result<bool> OplogArchive::walk(const Id& folder, std::string_view below, size_t depth,
                                const std::function<Result<bool>(const StoredSlice&)>& visit,
                                const Cancel& cancel) const {
  TRY_ASSIGN(auto nodes, repository_->load_tree(folder, cancel));
  if (depth == kSliceFolders) {
    for (const auto& slice : slices_in(nodes)) {
      TRY_ASSIGN(const bool go_on, visit(slice));
      if (!go_on) return false;
    }
    return true;
  }
  const auto name = below.substr(0, below.find('/'));
  for (const auto& node : nodes) {  // in the order of their names
    if (!node.subtree || node.name < name) continue;
    const auto rest = node.name == name && name.size() < below.size() ? below.substr(name.size() + 1) : "";
    TRY_ASSIGN(const bool go_on, walk(*node.subtree, rest, depth + 1, visit, cancel));
    if (!go_on) return false;
  }
  return true;
}

Status OplogArchive::each_slice(bson::Timestamp from, const std::function<Result<bool>(const StoredSlice&)>& visit,
                                const Cancel& cancel) const {
  const auto folder = collection::slice_folder(from);
  const auto pass = [&](const StoredSlice& slice) -> Result<bool> {
    TRY(cancel.check());
    return slice.span.last < from ? Result<bool>(true) : visit(slice);
  };
  TRY(walk(set_tree_, folder, 0, pass, cancel));
  return {};
}

Result<std::optional<StoredSlice>> OplogArchive::last_slice(const Cancel& cancel) const {
  Id folder = set_tree_;
  for (size_t depth = 0; depth < kSliceFolders; ++depth) {
    TRY_ASSIGN(const auto nodes, repository_->load_tree(folder, cancel));
    if (nodes.empty() || !nodes.back().subtree) return std::nullopt;
    folder = *nodes.back().subtree;
  }
  TRY_ASSIGN(auto nodes, repository_->load_tree(folder, cancel));
  auto slices = slices_in(nodes);
  if (slices.empty()) return std::nullopt;
  return std::optional(std::move(slices.back()));
}

Result<collection::SliceInfo> OplogArchive::info(const StoredSlice& slice, const Cancel& cancel) const {
  if (slice.info.name.empty()) {
    return fail(ErrorKind::kCorrupt, "what describes the slice " + slice.data.name + " of the oplog is missing");
  }
  TRY_ASSIGN(const auto json, repo::read_file(*repository_, slice.info, cancel));
  return collection::decode_slice(as_text(json));
}

Result<std::vector<OplogSpan>> OplogArchive::spans(const Cancel& cancel) const {
  std::vector<OplogSpan> spans;
  const auto join = [&](const StoredSlice& slice) -> Result<bool> {
    if (!spans.empty() && slice.span.after <= spans.back().to) {
      spans.back().to = std::max(spans.back().to, slice.span.last);
      return true;
    }
    const auto told = info(slice, cancel);
    if (!told && is_stop(told.error())) return fail(told.error());
    const bool known = told && (spans.empty() || !told->gap.empty());
    spans.push_back({.from = slice.span.after,
                     .to = slice.span.last,
                     .set_id = told ? told->set_id : "",
                     .gap = known ? told->gap : "slices are missing from the repository"});
    return true;
  };
  TRY(each_slice({}, join, cancel));
  return spans;
}

Status OplogArchive::each_entry(const StoredSlice& slice, const std::function<Status(ByteView)>& visit,
                                const Cancel& cancel) const {
  const auto corrupt = [&](const std::string& what) {
    return fail(Error(ErrorKind::kCorrupt, fmt::format("the slice {} of the oplog {}", slice.data.name, what))
                    .hint("`varve check --read-data` tells what is damaged"));
  };
  TRY_ASSIGN(const auto described, info(slice, cancel));
  if (described.span != slice.span) return corrupt("is described as another one");
  uint64_t entries = 0, bytes = 0;
  bson::Timestamp last;
  for (const auto& id : slice.data.content) {
    TRY(cancel.check());
    TRY_ASSIGN(const auto blob, repository_->load_blob(repo::BlobType::kData, id, cancel));
    for (ByteView rest = blob; !rest.empty();) {
      const auto size = bson::check_framing(rest);
      if (!size) return corrupt("holds no whole entries");
      const auto entry = rest.first(*size);
      const auto ts = bson::View(entry).timestamp("ts");
      const bool in_order = ts && (entries == 0 ? *ts == slice.span.after : last < *ts);
      if (!in_order) return corrupt("holds entries that are not those of its name");
      last = *ts;
      ++entries;
      bytes += *size;
      TRY(visit(entry));
      rest = rest.subspan(*size);
    }
  }
  if (last == slice.span.last && entries == described.entries && bytes == described.bytes) return {};
  return corrupt(fmt::format("has {} entries up to {}, not {} up to {}", entries, last.text(), described.entries,
                             slice.span.last.text()));
}

}  // namespace varve::job
