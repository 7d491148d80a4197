#include "job/archive_trim.h"

#include <algorithm>
#include <span>
#include <string>

#include "job/layout.h"
#include "job/snapshot_writer.h"
#include "job/tree_builder.h"

namespace varve::job {

namespace {

class Trimmer {
 public:
  Trimmer(repo::Repository& repository, bson::Timestamp from, Time now, repo::Writer& writer, const Cancel& cancel)
      : repository_(repository), from_(from), now_(now), writer_(writer), cancel_(cancel) {}

  /// The folder without what is to go; nothing if that is all of it. `path` leads down to the hour of `from`; of its
  /// first `whole` folders what lies beside it stays.
  Result<std::optional<Id>> trim(const Id& tree, std::span<const std::string> path, size_t whole) {
    TRY_ASSIGN(auto nodes, repository_.load_tree(tree, cancel_));
    if (path.empty()) {
      drop_slices(nodes);
    } else {
      const auto& name = path.front();
      if (whole == 0) std::erase_if(nodes, [&](const repo::Node& node) { return node.name < name; });
      const auto below = std::ranges::find(nodes, name, &repo::Node::name);
      if (below != nodes.end() && below->subtree) {
        TRY_ASSIGN(const auto left, trim(*below->subtree, path.subspan(1), whole > 0 ? whole - 1 : 0));
        if (left) {
          if (*left != *below->subtree) *below = folder_node(name, *left, now_);
        } else {
          nodes.erase(below);
        }
      }
    }
    if (nodes.empty()) return std::nullopt;
    TRY_ASSIGN(const auto json, repo::encode_tree(nodes));
    std::optional<Id> id;
    TRY(writer_.save(repo::BlobType::kTree, to_bytes(as_bytes(json)), [&](const Id& saved) { id = saved; }));
    TRY(writer_.drain());
    return id;
  }

 private:
  void drop_slices(std::vector<repo::Node>& files) const {
    for (const auto& slice : slices_in(files)) {
      if (slice.span.last >= from_) continue;
      std::erase_if(files, [&](const repo::Node& file) {
        return file.name == slice.data.name || (!slice.info.name.empty() && file.name == slice.info.name);
      });
    }
  }

  repo::Repository& repository_;
  bson::Timestamp from_;
  Time now_;
  repo::Writer& writer_;
  const Cancel& cancel_;
};

Result<std::vector<collection::SliceSpan>> slices_from(const OplogArchive& archive, bson::Timestamp from,
                                                       const Cancel& cancel) {
  std::vector<collection::SliceSpan> slices;
  const auto note = [&](const StoredSlice& slice) -> Result<bool> {
    slices.push_back(slice.span);
    return true;
  };
  TRY(archive.each_slice(from, note, cancel));
  return slices;
}

Result<repo::Snapshot> save_trimmed(repo::Repository& repository, const OplogArchive& archive,
                                    const TrimOptions& options, Time now, const Cancel& cancel) {
  auto how = options.writer;
  how.read_back = true;
  repo::Writer writer(repository, how, cancel);
  const auto path = slice_path(options.source, archive.set_name(), options.from);
  Trimmer trimmer(repository, options.from, now, writer, cancel);
  TRY_ASSIGN(const auto tree, trimmer.trim(archive.snapshot().tree, path, path.size() - kSliceFolders));
  TRY(writer.finish());
  if (!tree) return fail(ErrorKind::kInternal, "nothing would be left of the oplog archive of " + options.source);
  auto snapshot = new_archive_snapshot(options.source, new_backup_id(), archive.snapshot(), *tree, now);
  snapshot.program_version = options.program_version;
  TRY_ASSIGN(const auto trimmed, OplogArchive::open(repository, snapshot, cancel));
  TRY_ASSIGN(const auto before, slices_from(archive, options.from, cancel));
  TRY_ASSIGN(const auto after, slices_from(trimmed, {}, cancel));
  if (before != after) {
    return fail(ErrorKind::kInternal,
                "the oplog archive of " + options.source + " would not hold what it is to keep; it stays as it is");
  }
  TRY_ASSIGN(snapshot.id, repository.save_snapshot(snapshot, cancel));
  TRY_ASSIGN(const auto stored, repository.load_file(storage::FileType::kSnapshot, snapshot.id, cancel));
  TRY_ASSIGN(const auto read_back, repo::decode_snapshot(stored, snapshot.id));
  if (read_back.tree == snapshot.tree) return snapshot;
  return fail(ErrorKind::kCorrupt,
              "the snapshot " + snapshot.id.short_hex() + " does not read back as it was stored; those before it stay");
}

}  // namespace

Needed needed_since(const Restorable& restorable, bson::Timestamp since) {
  const auto& bases = restorable.bases;  // by their moments
  std::vector<bool> takes(bases.size()), reached(bases.size());
  Needed needed{.bases = {}, .oplog_from = since};
  for (const auto& span : restorable.spans) {
    std::optional<size_t> whole, any;  // the newest before it, or the first
    for (size_t i = 0; i < bases.size(); ++i) {
      if (!bases[i].is_in(span)) continue;
      reached[i] = true;
      if (!any || bases[i].moment <= since) any = i;
      if (bases[i].partial.empty() && (!whole || bases[i].moment <= since)) whole = i;
    }
    if (span.to < since) continue;
    const bool any_too = any && (!whole || (bases[*whole].moment > since && *any < *whole));
    for (const auto& taken : {whole, any_too ? any : std::nullopt}) {
      if (!taken) continue;
      takes[*taken] = true;
      needed.oplog_from = std::min(needed.oplog_from, bases[*taken].moment);
    }
  }
  // What lies between an older one and now may turn out to be damaged.
  const auto newest =
      std::ranges::find_if(bases.rbegin(), bases.rend(), [](const Base& b) { return b.partial.empty(); });
  for (size_t i = 0; i < bases.size(); ++i) {
    if (newest != bases.rend() && &*newest == &bases[i]) takes[i] = true;
    if (takes[i] || (!reached[i] && bases[i].moment >= since)) needed.bases.push_back(bases[i]);
  }
  return needed;
}

Result<TrimmedArchive> trim_archive(repo::Repository& repository, const OplogArchive& archive,
                                    const TrimOptions& options, const Cancel& cancel, const Clock& clock) {
  TrimmedArchive trimmed{.newest = archive.snapshot(), .replaced = {}};
  const auto count = [&](const StoredSlice& slice) -> Result<bool> {
    if (slice.span.last >= options.from) return false;
    ++trimmed.slices;
    trimmed.bytes += slice.data.size;
    return true;
  };
  TRY(archive.each_slice({}, count, cancel));
  if (trimmed.slices > 0 && !options.dry_run) {
    const Time now = std::max(clock.now(), archive.snapshot().time + std::chrono::nanoseconds(1));
    TRY_ASSIGN(trimmed.newest, save_trimmed(repository, archive, options, now, cancel));
  }
  TRY_ASSIGN(auto all, repository.snapshots(cancel));
  std::erase_if(
      all, [&](const repo::Snapshot& snapshot) { return snapshot.paths != std::vector{archive_path(options.source)}; });
  trimmed.replaced = made_from(trimmed.newest, all);
  std::erase_if(trimmed.replaced, [](const repo::Snapshot& snapshot) { return !is_as_written(snapshot); });
  return trimmed;
}

}  // namespace varve::job
