#include "storage/fault.h"

#include <algorithm>

#include <fmt/format.h>

namespace varve::storage {

namespace {

Error no_power() {
  return Error(ErrorKind::kUnavailable, "the power is off (a test's fault)");
}

}  // namespace

void FaultStorage::fail_call(unsigned nth, Error error) {
  const std::lock_guard lock(mutex_);
  planned_.push_back({std::nullopt, nth, std::move(error)});
}

void FaultStorage::fail_call(Operation operation, unsigned nth, Error error) {
  const std::lock_guard lock(mutex_);
  planned_.push_back({operation, nth, std::move(error)});
}

void FaultStorage::meanwhile(Operation operation, FileType type, std::function<void()> act, unsigned nth) {
  const std::lock_guard lock(mutex_);
  act_ = Act{operation, type, std::move(act), nth};
}

void FaultStorage::cut_power(unsigned nth_write, Side side) {
  const std::lock_guard lock(mutex_);
  outage_ = Outage{nth_write, side};
}

void FaultStorage::restore_power() {
  const std::lock_guard lock(mutex_);
  outage_.reset();
  power_ = true;
}

bool FaultStorage::has_power() const {
  const std::lock_guard lock(mutex_);
  return power_;
}

std::vector<FaultStorage::Call> FaultStorage::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

void FaultStorage::forget_calls() {
  const std::lock_guard lock(mutex_);
  calls_.clear();
}

void FaultStorage::spoil_sector(const Handle& handle, uint64_t offset) {
  const std::lock_guard lock(mutex_);
  bad_sectors_.emplace_back(handle, offset);
}

void FaultStorage::spoil_puts(std::optional<FileType> type) {
  const std::lock_guard lock(mutex_);
  spoilt_puts_ = type;
}

Status FaultStorage::put_below(const Handle& handle, Payload payload, const Cancel& cancel) {
  const bool spoilt = [&] {
    const std::lock_guard lock(mutex_);
    return spoilt_puts_ == handle.type;
  }();
  if (!spoilt) return below_->put(handle, payload, cancel);
  Bytes bytes;
  for (const ByteView piece : payload) append(bytes, piece);
  if (!bytes.empty()) bytes[bytes.size() / 2] ^= 4;
  const ByteView pieces[] = {bytes};
  return below_->put(handle, pieces, cancel);
}

bool FaultStorage::is_bad(const Handle& handle, uint64_t offset, uint64_t length) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(bad_sectors_.begin(), bad_sectors_.end(), [&](const auto& bad) {
    return bad.first == handle && bad.second >= offset && (length == 0 || bad.second - offset < length);
  });
}

FaultStorage::Verdict FaultStorage::judge(Operation operation) {
  const std::lock_guard lock(mutex_);
  if (!power_) return {.before = no_power()};
  Verdict verdict;
  if (outage_ && is_write(operation) && --outage_->writes_left == 0) {
    const Side side = outage_->side;
    outage_.reset();
    power_ = side == Side::kAfter;
    if (!power_) return {.before = no_power()};
    verdict.dies_after = true;
  }
  for (Planned& plan : planned_) {
    if (plan.left == 0 || (plan.operation && *plan.operation != operation)) continue;
    if (--plan.left == 0) verdict.before = plan.error;
  }
  return verdict;
}

void FaultStorage::act(Operation operation, FileType type) {
  std::unique_lock lock(mutex_);
  if (!act_ || act_->operation != operation || act_->type != type || --act_->calls_left > 0) return;
  const auto act = std::move(act_->act);
  act_.reset();
  lock.unlock();
  act();
}

template <typename R, typename F>
R FaultStorage::run(Operation operation, const Handle& handle, F&& call) {
  Verdict verdict = judge(operation);
  R result = verdict.before ? R(fail(*std::move(verdict.before))) : call();
  act(operation, handle.type);
  const std::lock_guard lock(mutex_);
  if (verdict.dies_after) {
    power_ = false;
    result = R(fail(no_power()));
  }
  calls_.push_back({operation, handle, result.has_value()});
  return result;
}

Status FaultStorage::create(const Cancel& cancel) {
  return run<Status>(Operation::kCreate, {}, [&] { return below_->create(cancel); });
}

Status FaultStorage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  return run<Status>(Operation::kPut, handle, [&] { return put_below(handle, payload, cancel); });
}

Result<Bytes> FaultStorage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  return run<Result<Bytes>>(Operation::kGet, handle, [&]() -> Result<Bytes> {
    if (is_bad(handle, offset, length)) {
      return fail(ErrorKind::kCorrupt, "cannot read " + handle.path() + ": Input/output error");
    }
    return below_->get(handle, offset, length, cancel);
  });
}

Result<uint64_t> FaultStorage::stat(const Handle& handle, const Cancel& cancel) {
  return run<Result<uint64_t>>(Operation::kStat, handle, [&] { return below_->stat(handle, cancel); });
}

Status FaultStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  return run<Status>(Operation::kList, {.type = type}, [&] { return below_->list(type, visit, cancel); });
}

Status FaultStorage::remove(const Handle& handle, const Cancel& cancel) {
  return run<Status>(Operation::kRemove, handle, [&] { return below_->remove(handle, cancel); });
}

Status FaultStorage::corrupt(const Handle& handle, uint64_t offset, uint8_t mask) {
  TRY_ASSIGN(Bytes bytes, below_->get(handle, 0, 0, Cancel()));
  if (offset >= bytes.size()) return fail(ErrorKind::kInvalidInput, fmt::format("{} has no such byte", handle.path()));
  bytes[offset] ^= mask;
  return replace(handle, bytes);
}

Status FaultStorage::truncate(const Handle& handle, uint64_t size) {
  TRY_ASSIGN(Bytes bytes, below_->get(handle, 0, 0, Cancel()));
  bytes.resize(std::min<uint64_t>(size, bytes.size()));
  return replace(handle, bytes);
}

Status FaultStorage::replace(const Handle& handle, ByteView bytes) {
  TRY(below_->remove(handle, Cancel()));
  return below_->put(handle, {&bytes, 1}, Cancel());
}

}  // namespace varve::storage
