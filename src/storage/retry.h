#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "storage/storage.h"

namespace varve::storage {

struct RetryOptions {
  /// How long after its first failure a call is made again; an attempt that is under way is not cut off.
  std::chrono::nanoseconds budget = std::chrono::minutes(15);
  /// The same while nothing has worked yet: then a wrong name or port is likelier than a server that comes back.
  std::chrono::nanoseconds first_budget = std::chrono::seconds(20);
  /// Told before each wait.
  std::function<void(const Error&, std::chrono::nanoseconds)> notice = {};
};

/// Makes a call again that ended with kUnavailable, after ever longer waits of random length: exponential backoff with
/// full jitter, so that many who were turned away together do not come back together.
///
/// An attempt without an answer may have been carried out. A put that then finds the file there is done if it is this
/// file: of the same size where the name is the hash of the content, of the same bytes otherwise. A remove that then
/// finds no file is done. What a listing gives is visited when all of it has come. Thread-safe.
class RetryStorage final : public Storage {
 public:
  /// `clock` must outlive it.
  RetryStorage(std::shared_ptr<Storage> below, RetryOptions options, const Clock& clock = system_clock());

  Status create(const Cancel& cancel) override;
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override;
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;
  std::vector<Status> remove_some(std::span<const Handle> handles, const Cancel& cancel) override;
  size_t removes_at_once() const override { return below_->removes_at_once(); }
  bool keeps_removed() const override { return below_->keeps_removed(); }

  std::string location() const override { return below_->location(); }
  Pace pace() const override { return below_->pace(); }

 private:
  /// "store data/6a/6a3f… of s3:…"
  std::string named(std::string_view verb, const Handle& handle) const;
  /// `what` is for errors that do not say; `attempt` is told whether an earlier one may have been carried out.
  template <typename R>
  R again(const std::string& what, const Cancel& cancel, const std::function<R(bool)>& attempt);

  const std::shared_ptr<Storage> below_;
  const RetryOptions options_;
  const Clock& clock_;
  std::atomic<bool> worked_ = false;
};

}  // namespace varve::storage
