#pragma once

#include "storage/storage.h"

namespace varve::storage {

/// A repository in a folder, laid out as restic does. Folders are 0700, files 0400. Thread-safe: it holds nothing but
/// the path.
class LocalStorage final : public Storage {
 public:
  explicit LocalStorage(std::string root) : root_(std::move(root)) {}

  /// Makes the folder, those above it, and all that belong in it.
  Status create(const Cancel& cancel) override;
  /// Makes a folder of the layout that is missing, but never the repository's own.
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override;
  /// kUnavailable if the folder of the type is missing, but for the locks': such a repository is not all there. A
  /// folder is read whole before its files are visited, which may remove them.
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;

  std::string location() const override { return root_; }

 private:
  std::string path_of(const Handle& handle) const;

  const std::string root_;
};

}  // namespace varve::storage
