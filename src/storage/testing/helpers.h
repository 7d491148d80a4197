#pragma once

#include <map>
#include <memory>
#include <string>

#include "storage/storage.h"

namespace varve::storage::testing {

inline constexpr Handle kConfig{FileType::kConfig, {}};

/// `size` bytes that differ by `seed`.
Bytes content(size_t size, uint64_t seed = 0);
/// Names these bytes as a repository would.
Handle handle_for(FileType type, ByteView bytes);
/// Stores bytes in one piece.
Status put(Storage& storage, const Handle& handle, ByteView bytes);
/// Everything of a type, by id; kInternal if the listing names a file twice.
Result<std::map<Id, uint64_t>> listed(Storage& storage, FileType type);

/// A folder of its own for a test, removed with all in it. Under TMPDIR if that is set.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace varve::storage::testing
