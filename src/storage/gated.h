#pragma once

#include <functional>
#include <utility>

#include "storage/storage.h"

namespace varve::storage {

/// Asks before anything is put or removed: an error of the gate is that of the call, which then does nothing. Reading
/// goes straight through. Thread-safe if the gate is.
class GatedStorage final : public Storage {
 public:
  using Gate = std::function<Status(const Handle&, const Cancel&)>;

  GatedStorage(std::shared_ptr<Storage> below, Gate gate) : below_(std::move(below)), gate_(std::move(gate)) {}

  Status create(const Cancel& cancel) override { return below_->create(cancel); }
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override {
    TRY(gate_(handle, cancel));
    return below_->put(handle, payload, cancel);
  }
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override {
    return below_->get(handle, offset, length, cancel);
  }
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override { return below_->stat(handle, cancel); }
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override {
    return below_->list(type, visit, cancel);
  }
  Status remove(const Handle& handle, const Cancel& cancel) override {
    TRY(gate_(handle, cancel));
    return below_->remove(handle, cancel);
  }
  std::vector<Status> remove_some(std::span<const Handle> handles, const Cancel& cancel) override {
    for (const Handle& handle : handles) {
      const auto allowed = gate_(handle, cancel);
      if (!allowed) return std::vector<Status>(handles.size(), allowed);
    }
    return below_->remove_some(handles, cancel);
  }
  size_t removes_at_once() const override { return below_->removes_at_once(); }
  bool keeps_removed() const override { return below_->keeps_removed(); }

  std::string location() const override { return below_->location(); }
  Pace pace() const override { return below_->pace(); }

 private:
  const std::shared_ptr<Storage> below_;
  const Gate gate_;
};

}  // namespace varve::storage
