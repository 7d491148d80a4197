#include "job/backup_reader.h"

#include <fmt/format.h>

#include "dump/names.h"
#include "job/layout.h"

namespace varve::job {

namespace {

Error not_a_backup(const repo::Snapshot& snapshot) {
  return Error(ErrorKind::kInvalidInput,
               "snapshot " + snapshot.id.short_hex() + " holds no MongoDB backup made by varve")
      .hint("`varve snapshots` shows what each snapshot is of");
}

}  // namespace

Result<BackupReader> BackupReader::open(repo::Repository& repository, const repo::Snapshot& snapshot,
                                        const Cancel& cancel) {
  if (snapshot.paths.size() != 1 || !snapshot.paths.front().starts_with("/mongodb/"))
    return fail(not_a_backup(snapshot));
  BackupReader reader;
  reader.repository_ = &repository;
  reader.folder_ = snapshot.paths.front().substr(1);
  const auto root = repo::find_node(repository, snapshot.tree, reader.folder_, cancel);
  if (!root && root.error().kind() == ErrorKind::kNotFound) return fail(not_a_backup(snapshot));
  TRY(root);
  if (!root->subtree) return fail(not_a_backup(snapshot));
  TRY_ASSIGN(const auto sets, repository.load_tree(*root->subtree, cancel));
  if (sets.size() > 1) {
    return fail(ErrorKind::kUnsupported,
                "snapshot " + snapshot.id.short_hex() + " is of a sharded cluster, which this version cannot restore");
  }
  if (sets.empty() || !sets.front().subtree) return fail(not_a_backup(snapshot));
  reader.folder_ += "/" + sets.front().name;
  reader.tree_ = *sets.front().subtree;

  TRY_ASSIGN(const auto node, reader.node(kManifestFile, cancel));
  TRY_ASSIGN(const auto json, repo::read_file(repository, node, cancel));
  auto manifest = collection::decode_manifest(as_text(json));
  if (!manifest) return fail(std::move(manifest.error()).within("snapshot " + snapshot.id.short_hex()));
  reader.manifest_ = std::move(*manifest);

  TRY_ASSIGN(const auto dump, reader.node("dump", cancel));
  if (!dump.subtree) return fail(not_a_backup(snapshot));
  TRY_ASSIGN(const auto databases, repository.load_tree(*dump.subtree, cancel));
  for (const auto& database : databases) {
    if (!database.subtree) continue;
    TRY_ASSIGN(auto files, repository.load_tree(*database.subtree, cancel));
    auto& known = reader.databases_[database.name];
    for (auto& file : files) known.emplace(file.name, std::move(file));
  }
  return reader;
}

Result<repo::Node> BackupReader::node(std::string_view path, const Cancel& cancel) const {
  return repo::find_node(*repository_, tree_, path, cancel);
}

const repo::Node* BackupReader::file(const std::string& db, const std::string& name) const {
  const auto database = databases_.find(db);
  if (database == databases_.end()) return nullptr;
  const auto found = database->second.find(name);
  return found == database->second.end() ? nullptr : &found->second;
}

const repo::Node* BackupReader::data_file(const bson::Namespace& ns) const {
  return file(ns.db, dump::escape_collection(ns.collection) + ".bson");
}

const repo::Node* BackupReader::metadata_file(const bson::Namespace& ns) const {
  return file(ns.db, dump::escape_collection(ns.collection) + ".metadata.json");
}

Result<repo::Node> BackupReader::data(const collection::CollectionEntry& entry, const Cancel& cancel) const {
  TRY(cancel.check());
  const auto* found = data_file(entry.ns);
  if (found == nullptr) {
    return fail(ErrorKind::kCorrupt, "the documents of " + entry.ns.text() + " are missing from the snapshot");
  }
  if (found->size == entry.as_read.bytes) return *found;
  return fail(Error(ErrorKind::kCorrupt,
                    fmt::format("documents of {} are missing from the snapshot: {} of its {} bytes are there",
                                entry.ns.text(), found->size, entry.as_read.bytes))
                  .hint("a repair of the repository left out what was lost; `varve export` writes out what is there")
                  .hint("--ns-exclude leaves the collection out, an earlier snapshot may hold it whole"));
}

std::vector<std::string> BackupReader::losses(const Cancel& cancel) const {
  std::vector<std::string> losses;
  if (const auto prelude = node(kPreludeFile, cancel); !prelude || prelude->size == 0) {
    losses.emplace_back("what server the documents are of (prelude.json) is missing from the snapshot");
  }
  for (const auto& entry : manifest_.collections) {
    const auto* metadata = metadata_file(entry.ns);
    if (metadata == nullptr ? entry.ns == bson::logical(entry.ns) : metadata->size == 0) {
      losses.push_back("options and indexes of " + entry.ns.text() + " are missing from the snapshot");
    }
    if (entry.type != "collection") continue;
    if (const auto found = data(entry, cancel); !found) losses.push_back(found.error().message());
  }
  return losses;
}

Status BackupReader::each_document(const repo::Node& file, size_t first, size_t last,
                                   const std::function<Status(ByteView)>& visit, const Cancel& cancel) const {
  for (size_t i = first; i < last; ++i) {
    TRY(cancel.check());
    TRY_ASSIGN(const auto blob, repository_->load_blob(repo::BlobType::kData, file.content[i], cancel));
    for (ByteView rest = blob; !rest.empty();) {
      const auto size = bson::check_framing(rest);
      if (!size)
        return fail(ErrorKind::kCorrupt,
                    "blob " + file.content[i].short_hex() + " of " + file.name + " holds no whole documents");
      TRY(visit(rest.first(*size)));
      rest = rest.subspan(*size);
    }
  }
  return {};
}

}  // namespace varve::job
