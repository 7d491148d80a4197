#pragma once

#include <functional>
#include <map>

#include "collection/manifest.h"
#include "repo/repository.h"

namespace varve::job {

/// A MongoDB backup in a snapshot, opened for reading: its manifest and the files of its collections. The repository's
/// index must be loaded and outlive it. Thread-safe.
class BackupReader {
 public:
  /// kInvalidInput if the snapshot holds no MongoDB backup of varve's; kUnsupported if it holds several replica sets.
  static Result<BackupReader> open(repo::Repository& repository, const repo::Snapshot& snapshot, const Cancel& cancel);

  const collection::Manifest& manifest() const { return manifest_; }
  /// The folder of the replica set in the snapshot, e.g. "mongodb/shop/rs0".
  const std::string& folder() const { return folder_; }
  /// Of that folder: the same for the same backup, in whatever repository and under whatever snapshot's id.
  const Id& tree() const { return tree_; }
  repo::Repository& repository() const { return *repository_; }

  /// The file of a collection's documents. kCorrupt if it is missing, or is not of the size that the manifest tells, as
  /// where a repair of the repository took out what was lost.
  Result<repo::Node> data(const collection::CollectionEntry& entry, const Cancel& cancel) const;
  /// The files of a collection as they are; null if the snapshot lacks them.
  const repo::Node* data_file(const bson::Namespace& ns) const;
  const repo::Node* metadata_file(const bson::Namespace& ns) const;
  /// Everything that a repair has left incomplete, in words for the user; empty for a backup as it was made.
  std::vector<std::string> losses(const Cancel& cancel) const;
  /// A node by its path below folder().
  Result<repo::Node> node(std::string_view path, const Cancel& cancel) const;

  /// Visits the documents of the blobs [first, last) of a file; each is framed.
  Status each_document(const repo::Node& file, size_t first, size_t last, const std::function<Status(ByteView)>& visit,
                       const Cancel& cancel) const;

 private:
  BackupReader() = default;
  const repo::Node* file(const std::string& db, const std::string& name) const;

  repo::Repository* repository_ = nullptr;
  Id tree_;  // of folder_
  std::string folder_;
  collection::Manifest manifest_;
  std::map<std::string, std::map<std::string, repo::Node>> databases_;  // files of dump/<db>, loaded once
};

}  // namespace varve::job
