#pragma once

#include <mutex>
#include <optional>

#include "storage/storage.h"

namespace varve::storage {

enum class Operation : uint8_t { kCreate, kPut, kGet, kStat, kList, kRemove };

/// Whether an operation changes what is stored; these are the writes that power cuts count.
constexpr bool is_write(Operation operation) {
  return operation == Operation::kCreate || operation == Operation::kPut || operation == Operation::kRemove;
}

/// Puts faults between a test and any storage, and remembers what was asked of it. Counting starts at 1 with the next
/// call. The storage below may be kept by the test, to look at what a crash left behind. Thread-safe.
class FaultStorage final : public Storage {
 public:
  struct Call {
    Operation operation;
    Handle handle;  ///< of a list only the type
    bool succeeded;
  };
  /// On which side of the write the power fails: with kAfter it has happened, though its caller never hears so.
  enum class Side : uint8_t { kBefore, kAfter };

  explicit FaultStorage(std::shared_ptr<Storage> below) : below_(std::move(below)) {}

  /// The n-th call, or the n-th of one operation, gives this error and does nothing.
  void fail_call(unsigned nth, Error error);
  void fail_call(Operation operation, unsigned nth, Error error);
  /// What somebody else does meanwhile: called once, right after the n-th such call from now.
  void meanwhile(Operation operation, FileType type, std::function<void()> act, unsigned nth = 1);
  /// At the n-th write the power fails: that call and all that follow give kUnavailable, until restore_power.
  void cut_power(unsigned nth_write, Side side);
  void restore_power();
  bool has_power() const;

  /// In the order in which they came back.
  std::vector<Call> calls() const;
  void forget_calls();

  /// Whoever reads over this byte of a file gets kCorrupt, again and again, as from a bad sector.
  void spoil_sector(const Handle& handle, uint64_t offset);

  /// Whatever is put under this type is stored with a flipped bit, and said to be stored; nothing: none any more.
  void spoil_puts(std::optional<FileType> type);

  /// Damages a stored file behind everybody's back: flips the bits of `mask` in one byte, or keeps `size` bytes.
  Status corrupt(const Handle& handle, uint64_t offset, uint8_t mask = 1);
  Status truncate(const Handle& handle, uint64_t size);

  Status create(const Cancel& cancel) override;
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override;
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;  ///< remove_some is made of it

  std::string location() const override { return below_->location(); }
  Pace pace() const override { return below_->pace(); }

 private:
  struct Planned {
    std::optional<Operation> operation;  ///< any if empty
    unsigned left;
    Error error;
  };
  struct Outage {
    unsigned writes_left;
    Side side;
  };
  /// What is to become of a call: it fails before it is made, or after, or not.
  struct Verdict {
    std::optional<Error> before;
    bool dies_after = false;
  };

  Verdict judge(Operation operation);
  void act(Operation operation, FileType type);
  template <typename R, typename F>
  R run(Operation operation, const Handle& handle, F&& call);
  Status replace(const Handle& handle, ByteView bytes);
  Status put_below(const Handle& handle, Payload payload, const Cancel& cancel);
  bool is_bad(const Handle& handle, uint64_t offset, uint64_t length) const;

  const std::shared_ptr<Storage> below_;
  mutable std::mutex mutex_;
  std::vector<Planned> planned_;
  std::vector<std::pair<Handle, uint64_t>> bad_sectors_;
  std::optional<FileType> spoilt_puts_;
  struct Act {
    Operation operation;
    FileType type;
    std::function<void()> act;
    unsigned calls_left;
  };
  std::optional<Act> act_;
  std::optional<Outage> outage_;
  bool power_ = true;
  std::vector<Call> calls_;
};

}  // namespace varve::storage
