#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>

#include "storage/cache_folder.h"
#include "storage/storage.h"

namespace varve::storage {

/// Keeps near what is read of a far repository again and again: its index, its snapshots, and packs of trees, which are
/// fetched whole. Until use() is called, it keeps nothing.
///
/// What the cache holds is only ever a copy: a put is done when the far place has it, a listing is always that place's.
/// A cached file that a listing lacks is asked for by name before it goes. Thread-safe.
class CachedStorage final : public Storage {
 public:
  explicit CachedStorage(std::shared_ptr<Storage> below) : below_(std::move(below)) {}

  /// Before any other thread calls.
  void use(std::shared_ptr<CacheFolder> folder) { folder_ = std::move(folder); }

  Status create(const Cancel& cancel) override { return below_->create(cancel); }
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override { return below_->stat(handle, cancel); }
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;
  std::vector<Status> remove_some(std::span<const Handle> handles, const Cancel& cancel) override;
  size_t removes_at_once() const override { return below_->removes_at_once(); }
  bool keeps_removed() const override { return below_->keeps_removed(); }

  std::string location() const override { return below_->location(); }
  Pace pace() const override { return below_->pace(); }

 private:
  bool keeps(const Handle& handle) const;
  void drop(const Handle& handle);
  Result<bool> fetch(const Handle& handle, const Cancel& cancel);
  Result<bool> fetch_once(const Handle& handle, const Cancel& cancel);
  Result<Bytes> get_and_keep(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel);
  void drop_gone(FileType type, const std::set<Id>& listed);

  const std::shared_ptr<Storage> below_;
  std::shared_ptr<CacheFolder> folder_;
  std::mutex mutex_;
  std::condition_variable_any fetched_;
  std::set<Handle> fetching_;
  std::set<Handle> unfit_;  ///< cannot be kept, or are not what their names say
};

}  // namespace varve::storage
