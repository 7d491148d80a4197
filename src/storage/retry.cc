#include "storage/retry.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "storage/layout.h"

namespace varve::storage {

namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kFirstWait = std::chrono::milliseconds(500);
constexpr nanoseconds kLongestWait = std::chrono::seconds(60);
constexpr unsigned kDoublings = 7;  // until the longest

nanoseconds random_wait(unsigned failed) {
  const auto most = std::min(kFirstWait * (1 << std::min(failed, kDoublings)), kLongestWait);
  uint64_t random = 0;
  random_bytes({reinterpret_cast<uint8_t*>(&random), sizeof random});
  return nanoseconds(static_cast<int64_t>(random % static_cast<uint64_t>(most.count())));
}

/// Whether the place has answered, though perhaps not as one would like.
bool shows_life(ErrorKind kind) {
  return kind == ErrorKind::kNotFound || kind == ErrorKind::kExists || kind == ErrorKind::kCorrupt;
}

/// What ended a connection does not know what it was for.
Error said_of(Error error, const std::string& what) {
  return error.message().starts_with("cannot ") ? error : std::move(error).within("cannot " + what);
}

Error given_up(const Error& last, unsigned attempts, nanoseconds spent) {
  if (attempts == 1) return last;
  Error error(last.kind(), fmt::format("{} ({} attempts in {:.0f} s)", last.message(), attempts,
                                       std::chrono::duration<double>(spent).count()));
  for (const auto& hint : last.hints()) error.hint(hint);
  return std::move(error).with_code(last.code());
}

}  // namespace

RetryStorage::RetryStorage(std::shared_ptr<Storage> below, RetryOptions options, const Clock& clock)
    : below_(std::move(below)), options_(std::move(options)), clock_(clock) {}

template <typename R>
R RetryStorage::again(const std::string& what, const Cancel& cancel, const std::function<R(bool)>& attempt) {
  const auto began = clock_.ticks();
  std::optional<nanoseconds> first_failed;  // from when on the time counts, so that a slow call has its chance too
  for (unsigned failed = 0;; ++failed) {
    R outcome = attempt(failed > 0);
    if (outcome || shows_life(outcome.error().kind())) worked_ = true;
    if (outcome || outcome.error().kind() != ErrorKind::kUnavailable) return outcome;
    const auto error = said_of(outcome.error(), what);
    const auto wait = random_wait(failed);
    const auto now = clock_.ticks();
    if (!first_failed) first_failed = now;
    const auto budget = worked_ ? options_.budget : std::min(options_.budget, options_.first_budget);
    if (now - *first_failed + wait > budget) return fail(given_up(error, failed + 1, now - began));
    if (options_.notice) options_.notice(error, wait);
    if (!clock_.sleep(wait, cancel)) TRY(cancel.check());
  }
}

std::string RetryStorage::named(std::string_view verb, const Handle& handle) const {
  return fmt::format("{} {} of {}", verb, handle.path(), location());
}

Status RetryStorage::create(const Cancel& cancel) {
  return again<Status>("create " + location(), cancel, [&](bool) { return below_->create(cancel); });
}

Status RetryStorage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  return again<Status>(named("store", handle), cancel, [&](bool repeated) -> Status {
    if (repeated) {  // before all of it is sent again
      TRY_ASSIGN(const bool stored, is_stored(*below_, handle, payload, cancel));
      if (stored) return {};
    }
    auto done = below_->put(handle, payload, cancel);
    if (repeated && !done && done.error().kind() == ErrorKind::kExists) {  // the first was still under way
      TRY_ASSIGN(const bool stored, is_stored(*below_, handle, payload, cancel));
      if (stored) return {};
    }
    return done;
  });
}

Result<Bytes> RetryStorage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  return again<Result<Bytes>>(named("read", handle), cancel,
                              [&](bool) { return below_->get(handle, offset, length, cancel); });
}

Result<uint64_t> RetryStorage::stat(const Handle& handle, const Cancel& cancel) {
  return again<Result<uint64_t>>(named("look at", handle), cancel, [&](bool) { return below_->stat(handle, cancel); });
}

Status RetryStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  std::vector<FileInfo> files;
  const auto collect = [&](const FileInfo& file) -> Status {
    files.push_back(file);
    return {};
  };
  TRY(again<Status>(fmt::format("list {}/ of {}", folder_of(type), location()), cancel, [&](bool) {
    files.clear();
    return below_->list(type, collect, cancel);
  }));
  for (const auto& file : files) TRY(visit(file));
  return {};
}

Status RetryStorage::remove(const Handle& handle, const Cancel& cancel) {
  return again<Status>(named("remove", handle), cancel, [&](bool repeated) -> Status {
    auto done = below_->remove(handle, cancel);
    if (repeated && !done && done.error().kind() == ErrorKind::kNotFound) return {};
    return done;
  });
}

/// Only those are asked for again of which it is not known that they are gone.
std::vector<Status> RetryStorage::remove_some(std::span<const Handle> handles, const Cancel& cancel) {
  std::vector<Status> outcomes(handles.size());
  std::vector<size_t> left(handles.size());
  std::iota(left.begin(), left.end(), 0);
  const auto what = handles.size() == 1 ? named("remove", handles.front())
                                        : fmt::format("remove {} files of {}", handles.size(), location());
  const auto end = again<Status>(what, cancel, [&](bool) -> Status {
    std::vector<Handle> asked;
    for (const size_t i : left) asked.push_back(handles[i]);
    auto became = below_->remove_some(asked, cancel);
    std::vector<size_t> failed;
    for (size_t k = 0; k < left.size(); ++k) {
      if (!became[k] && became[k].error().kind() == ErrorKind::kUnavailable) failed.push_back(left[k]);
      outcomes[left[k]] = std::move(became[k]);
    }
    left = std::move(failed);
    return left.empty() ? Status() : outcomes[left.front()];
  });
  if (!end) {
    for (const size_t i : left) outcomes[i] = end;
  }
  return outcomes;
}

}  // namespace varve::storage
