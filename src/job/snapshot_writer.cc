#include "job/snapshot_writer.h"

#include "dump/metadata.h"
#include "job/layout.h"
#include "job/store_bytes.h"

namespace varve::job {

namespace {

void summarise(const TreeBuilder::Summary& tree, repo::SnapshotSummary& s) {
  s.files_new = tree.files_new;
  s.files_changed = tree.files_changed;
  s.files_unmodified = tree.files_unmodified;
  s.dirs_new = tree.dirs_new;
  s.dirs_changed = tree.dirs_changed;
  s.dirs_unmodified = tree.dirs_unmodified;
  s.total_files_processed = tree.files;
  s.total_bytes_processed = tree.bytes;
}

}  // namespace

std::string new_backup_id() {
  std::array<uint8_t, 16> raw;
  random_bytes(raw);
  raw[6] = static_cast<uint8_t>((raw[6] & 0x0f) | 0x40);  // version 4, RFC 4122
  raw[8] = static_cast<uint8_t>((raw[8] & 0x3f) | 0x80);
  const auto hex = to_hex(raw);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

SnapshotWriter::SnapshotWriter(repo::Destinations& to, repo::Writer& writer, std::string source, std::string folder,
                               const std::vector<std::optional<repo::Snapshot>>& parents, Time now)
    : to_(to),
      writer_(writer),
      source_(std::move(source)),
      root_(snapshot_path(source_).substr(1) + "/" + folder + "/"),
      parents_(parents),
      now_(now),
      tree_(to, repo::first_tree(to, parents), now) {}

Status SnapshotWriter::add(const Collection& collection) {
  if (collection.file != nullptr) {
    tree_.add(root_ + data_file(collection.ns), collection.file->file());
    const auto chunks = collection.file->chunks();
    if (chunks.size() > 1 && !collection.uuid.empty()) {
      TRY(add_bytes(key_index_file(collection.uuid), collection::encode_key_index(chunks)));
    }
  }
  return add_metadata(collection);
}

Status SnapshotWriter::add_stored(const Collection& collection, StoredFile data, std::optional<StoredFile> key_index) {
  tree_.add(root_ + data_file(collection.ns), std::move(data));
  if (key_index && !collection.uuid.empty()) {
    tree_.add(root_ + key_index_file(collection.uuid), std::move(*key_index));
  }
  return add_metadata(collection);
}

Status SnapshotWriter::add_metadata(const Collection& collection) {
  // The buckets of a time-series are described by the metadata of the collection that users see.
  if (collection.ns != bson::logical(collection.ns)) return {};
  const bool has_uuid = collection.type == "collection";
  const auto metadata = dump::metadata_json(collection.options, collection.indexes, has_uuid ? collection.uuid : "",
                                            collection.ns.collection, collection.type);
  return add_bytes(metadata_file(collection.ns), as_bytes(metadata));
}

void SnapshotWriter::add_oplog(StoredFile oplog) {
  tree_.add(root_ + std::string(kOplogFile), std::move(oplog));
}

Status SnapshotWriter::add_bytes(std::string_view path, ByteView bytes) {
  TRY_ASSIGN(auto file, store_bytes(to_.polynomial(), writer_, bytes));
  tree_.add(root_ + std::string(path), std::move(file));
  return {};
}

Result<SnapshotWriter::Saved> SnapshotWriter::save(const collection::Manifest& manifest,
                                                   const std::vector<std::string>& tags, Time started,
                                                   const Clock& clock, const Cancel& cancel) {
  TRY(add_bytes(kPreludeFile, as_bytes(dump::prelude_json(manifest.server_version, manifest.varve_version))));
  const auto encoded = collection::encode_manifest(manifest);
  TRY(collection::decode_manifest(encoded));  // what cannot be read back is no backup
  TRY(add_bytes(kManifestFile, as_bytes(encoded)));
  TRY_ASSIGN(const auto tree, tree_.write(writer_, cancel));
  auto snapshot = describe(manifest, tags);
  auto& summary = snapshot.summary.emplace();
  summary.backup_start = started;
  summarise(tree, summary);
  snapshot.tree = tree.root;
  TRY(cancel.check());
  Saved saved;
  TRY_ASSIGN(saved.snapshots,
             repo::save_snapshots(to_, writer_, {.snapshot = std::move(snapshot), .parents = parents_}, clock));
  saved.ended = clock.now();
  return saved;
}

repo::Snapshot SnapshotWriter::describe(const collection::Manifest& manifest,
                                        const std::vector<std::string>& tags) const {
  repo::Snapshot snapshot;
  snapshot.time = now_;
  snapshot.paths = {snapshot_path(source_)};
  snapshot.hostname = source_;
  snapshot.username = "varve";
  snapshot.tags = tags;
  snapshot.tags.push_back(std::string(kIdentityTagPrefix) + manifest.backup_id);
  if (!manifest.needs_varve.empty()) snapshot.tags.emplace_back(kNeedsVarveTag);
  snapshot.program_version = manifest.varve_version;
  return snapshot;
}

}  // namespace varve::job
