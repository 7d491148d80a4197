#pragma once

#include <map>
#include <mutex>

#include "storage/storage.h"

namespace varve::storage {

/// A repository in memory, gone with the object: for tests and measurements. Thread-safe.
class MemoryStorage final : public Storage {
 public:
  Status create(const Cancel& cancel) override;
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override;
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;

  std::string location() const override { return "memory"; }

 private:
  std::mutex mutex_;
  bool created_ = false;
  std::map<Handle, Bytes> files_;
};

}  // namespace varve::storage
