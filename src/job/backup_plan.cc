#include "job/backup_plan.h"

#include <algorithm>

#include "collection/chunker.h"
#include "job/layout.h"
#include "job/oplog_filter.h"

namespace varve::job {

namespace {

Result<std::optional<collection::Manifest>> manifest_of(repo::Repository& repository, const repo::Snapshot& snapshot,
                                                        const std::string& folder, const Cancel& cancel) {
  const auto path = snapshot.paths.front().substr(1) + "/" + folder + "/" + std::string(kManifestFile);
  const auto node = repo::find_node(repository, snapshot.tree, path, cancel);
  if (!node && node.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  TRY(node);
  TRY_ASSIGN(const auto bytes, repo::read_file(repository, *node, cancel));
  TRY_ASSIGN(auto manifest, collection::decode_manifest(as_text(bytes)));
  return manifest;
}

/// The only replica set's (or standalone's) manifest in the snapshot.
Result<std::optional<collection::Manifest>> first_manifest(repo::Repository& repository, const repo::Snapshot& snapshot,
                                                           const Cancel& cancel) {
  TRY_ASSIGN(const auto root, repo::find_node(repository, snapshot.tree, snapshot.paths.front().substr(1), cancel));
  if (!root.subtree) return std::nullopt;
  TRY_ASSIGN(const auto folders, repository.load_tree(*root.subtree, cancel));
  if (folders.empty()) return std::nullopt;
  return manifest_of(repository, snapshot, folders.front().name, cancel);
}

std::string shown(const std::string& set_name, const std::string& set_id) {
  if (set_name.empty()) return "a standalone server";
  return "replica set " + set_name + (set_id.empty() ? "" : " with id " + set_id);
}

/// Ids that could not be read say nothing.
bool is_another(const collection::Manifest& then, const mongo::Source& now) {
  if (then.set_name.empty() != now.set_name.empty()) return true;
  return !then.set_id.empty() && !now.set_id.empty() && then.set_id != now.set_id;
}

Error another_set(const std::string& name, const collection::Manifest& then, const mongo::Source& now) {
  return Error(ErrorKind::kInvalidInput, "source '" + name + "' was " + shown(then.set_name, then.set_id) +
                                             " until now, but this is " + shown(now.set_name, now.set_id) +
                                             "; nothing was saved")
      .hint("--source OTHER keeps them apart")
      .hint("--new-incarnation goes on under this name, if the set was made anew on purpose");
}

}  // namespace

namespace {

/// The newest snapshot of the source that can be read and that `takes` takes.
Result<std::optional<Parent>> newest(repo::Repository& repository, const std::string& source,
                                     bool (*takes)(const collection::Manifest&), const Cancel& cancel) {
  TRY_ASSIGN(const auto snapshots, repository.snapshots(cancel));
  TRY(repository.load_index(cancel));
  const auto path = snapshot_path(source);
  for (auto it = snapshots.rbegin(); it != snapshots.rend(); ++it) {
    if (it->hostname != source || it->paths != std::vector{path} || it->has_tag(kOplogTag)) continue;
    auto manifest = first_manifest(repository, *it, cancel);
    if (!manifest && is_stop(manifest.error())) return fail(manifest.error());
    // A parent only saves work; one that cannot be read is check's business.
    if (manifest && *manifest && takes(**manifest)) return Parent{*it, std::move(**manifest)};
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<Parent>> find_parent(repo::Repository& repository, const BackupOptions& options,
                                          const mongo::Source& source, const Cancel& cancel) {
  // An import tells nothing of the set, and its documents' order is not this one's.
  const auto is_backup = [](const collection::Manifest& manifest) { return !manifest.imported(); };
  TRY_ASSIGN(auto parent, newest(repository, options.source, is_backup, cancel));
  if (!parent || !is_another(parent->manifest, source)) return parent;
  if (!options.new_incarnation) return fail(another_set(options.source, parent->manifest, source));
  return std::nullopt;
}

Result<std::optional<Parent>> find_parent_of_import(repo::Repository& repository, const std::string& source,
                                                    const Cancel& cancel) {
  return newest(
      repository, source, [](const collection::Manifest&) { return true; }, cancel);
}

std::vector<PlannedCollection> plan_collections(const mongo::Catalog& catalog, const BackupOptions& options,
                                                const std::optional<Parent>& parent) {
  std::map<bson::Namespace, const collection::CollectionEntry*> before;
  if (parent) {
    for (const auto& entry : parent->manifest.collections) before[entry.ns] = &entry;
  }
  std::vector<PlannedCollection> planned;
  for (const auto& info : catalog.collections) {
    if (!in_scope(info.ns)) continue;
    PlannedCollection plan;
    plan.selected = !info.temporary && options.filter.takes(bson::logical(info.ns));
    if (!plan.selected && !info.temporary) continue;
    plan.info = info;
    plan.average_chunk = collection::average_for(info.bytes);
    if (const auto it = before.find(info.ns); it != before.end()) {
      plan.order = it->second->order;
      plan.average_chunk = it->second->average_chunk;
    }
    if (options.average_chunk != 0) plan.average_chunk = options.average_chunk;
    if (options.order != OrderChoice::kAuto) {
      plan.order = options.order == OrderChoice::kId ? collection::Order::kId : collection::Order::kNatural;
    }
    if (info.capped || info.bytes < plan.average_chunk) plan.order = collection::Order::kNatural;
    planned.push_back(std::move(plan));
  }
  std::stable_sort(planned.begin(), planned.end(),
                   [](const auto& a, const auto& b) { return a.info.bytes > b.info.bytes; });
  return planned;
}

}  // namespace varve::job
