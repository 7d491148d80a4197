#include "storage/cached.h"

#include <algorithm>

#include "base/timed_stop.h"

namespace varve::storage {

namespace {

constexpr uint64_t kStep = 8u << 20;       // of a file that is fetched; each thread holds one
constexpr uint64_t kLargest = 256u << 20;  // twice what a pack is made for
constexpr size_t kMostQuestions = 100;     // after one listing
constexpr auto kLongestClearing = std::chrono::seconds(5);

}  // namespace

/// Of packs only those that hold trees: data is read once.
bool CachedStorage::keeps(const Handle& handle) const {
  return folder_ && CacheFolder::keeps(handle.type) && (handle.type != FileType::kPack || handle.trees);
}

Status CachedStorage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  TRY(below_->put(handle, payload, cancel));
  if (keeps(handle)) folder_->put(handle, payload);
  return {};
}

Result<Bytes> CachedStorage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  if (!keeps(handle)) return below_->get(handle, offset, length, cancel);
  if (auto near = folder_->get(handle, offset, length)) return std::move(*near);
  if (handle.type != FileType::kPack) return get_and_keep(handle, offset, length, cancel);
  TRY_ASSIGN(const bool fetched, fetch_once(handle, cancel));
  if (fetched) {
    if (auto near = folder_->get(handle, offset, length)) return std::move(*near);
  }
  return below_->get(handle, offset, length, cancel);
}

/// Other files than packs are asked for as a whole by everybody.
Result<Bytes> CachedStorage::get_and_keep(const Handle& handle, uint64_t offset, uint64_t length,
                                          const Cancel& cancel) {
  auto bytes = below_->get(handle, offset, length, cancel);
  if (!bytes || offset > 0) return bytes;
  const ByteView pieces[] = {*bytes};
  folder_->put(handle, pieces);  // if it is whole
  return bytes;
}

/// One thread fetches a file, and the others that want it wait.
Result<bool> CachedStorage::fetch_once(const Handle& handle, const Cancel& cancel) {
  {
    std::unique_lock lock(mutex_);
    if (fetching_.contains(handle)) {
      fetched_.wait(lock, cancel.token(), [&] { return !fetching_.contains(handle); });
      TRY(cancel.check());
      return !unfit_.contains(handle);
    }
    if (unfit_.contains(handle)) return false;
    fetching_.insert(handle);
  }
  auto kept = fetch(handle, cancel);
  // A part of it may be had although not all of it can be read; a store that is away has been asked often enough.
  if (!kept && !is_stop(kept.error()) && kept.error().kind() != ErrorKind::kUnavailable) kept = false;
  std::lock_guard lock(mutex_);
  fetching_.erase(handle);
  if (kept && !*kept) unfit_.insert(handle);
  fetched_.notify_all();
  return kept;
}

/// False: it cannot be kept.
Result<bool> CachedStorage::fetch(const Handle& handle, const Cancel& cancel) {
  auto filling = folder_->fill(handle);
  if (!filling.is_open()) return false;
  TRY_ASSIGN(const uint64_t size, below_->stat(handle, cancel));
  if (size > kLargest) return false;
  for (uint64_t at = 0; at < size; at += kStep) {
    TRY_ASSIGN(const auto piece, below_->get(handle, at, std::min(kStep, size - at), cancel));
    if (!filling.write(piece)) return false;
  }
  return filling.keep();
}

Status CachedStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  const bool kept = folder_ && (type == FileType::kIndex || type == FileType::kSnapshot);
  if (!kept) return below_->list(type, visit, cancel);
  std::set<Id> listed;
  TRY(below_->list(
      type,
      [&](const FileInfo& file) {
        listed.insert(file.id);
        return visit(file);
      },
      cancel));
  drop_gone(type, listed);
  return {};
}

/// What is left for want of time is for the next listing.
void CachedStorage::drop_gone(FileType type, const std::set<Id>& listed) {
  const TimedStop limit(kLongestClearing);
  size_t asked = 0;
  for (const auto& id : folder_->list(type)) {
    if (listed.contains(id)) continue;
    if (++asked > kMostQuestions) return;
    const auto there = below_->stat({type, id}, limit.cancel());
    if (there) continue;
    if (there.error().kind() != ErrorKind::kNotFound) return;
    folder_->remove({type, id});
  }
}

void CachedStorage::drop(const Handle& handle) {
  if (folder_ && CacheFolder::keeps(handle.type)) folder_->remove(handle);
}

Status CachedStorage::remove(const Handle& handle, const Cancel& cancel) {
  drop(handle);
  return below_->remove(handle, cancel);
}

std::vector<Status> CachedStorage::remove_some(std::span<const Handle> handles, const Cancel& cancel) {
  for (const Handle& handle : handles) drop(handle);
  return below_->remove_some(handles, cancel);
}

}  // namespace varve::storage
