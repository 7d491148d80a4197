#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "storage/storage.h"

namespace varve::storage {

/// For a reader of many small pieces of packs that lie beside each other, in no certain order: where each request waits
/// for a network, a block of 1 MiB comes with one, and the last 64 of them are kept. Elsewhere it just passes
/// everything on. What is asked for a second time is read anew: it was not what it should have been. Only reads;
/// thread-safe.
class ReadAhead final : public Storage {
 public:
  /// `below` must outlive it.
  explicit ReadAhead(Storage& below) : below_(below), is_far_(below.pace().is_far) {}

  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override { return below_.stat(handle, cancel); }
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override {
    return below_.list(type, visit, cancel);
  }
  Status create(const Cancel& cancel) override { return below_.create(cancel); }
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override {
    return below_.put(handle, payload, cancel);
  }
  Status remove(const Handle& handle, const Cancel& cancel) override { return below_.remove(handle, cancel); }
  std::string location() const override { return below_.location(); }
  Pace pace() const override { return below_.pace(); }

 private:
  struct Block {
    Block(const Id& its_pack, uint64_t its_begin) : pack(its_pack), begin(its_begin) {}
    const Id pack;
    const uint64_t begin;
    std::mutex mutex;  ///< over what follows, and while it is read
    std::optional<Bytes> bytes;
    std::set<std::pair<uint64_t, uint64_t>> given;  ///< offset and length
  };
  using BlockPtr = std::shared_ptr<Block>;

  BlockPtr block_at(const Id& pack, uint64_t begin);
  Result<uint64_t> size_of(const Handle& pack, const Cancel& cancel);

  Storage& below_;
  const bool is_far_;
  std::mutex mutex_;
  std::list<BlockPtr> blocks_;  ///< the last used first
  std::map<Id, uint64_t> sizes_;
};

}  // namespace varve::storage
