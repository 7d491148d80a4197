#include "storage/memory.h"

#include <fmt/format.h>

namespace varve::storage {

namespace {

tl::unexpected<Error> not_found(const Handle& handle) {
  return fail(ErrorKind::kNotFound, handle.path() + " does not exist");
}

}  // namespace

Status MemoryStorage::create(const Cancel& cancel) {
  TRY(cancel.check());
  const std::lock_guard lock(mutex_);
  if (files_.contains({.type = FileType::kConfig})) {
    return fail(ErrorKind::kExists, "there is a repository in memory already");
  }
  created_ = true;
  return {};
}

Status MemoryStorage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  TRY(cancel.check());
  Bytes all;
  all.reserve(payload_size(payload));
  for (ByteView piece : payload) append(all, piece);
  const std::lock_guard lock(mutex_);
  if (!created_) return fail(ErrorKind::kNotFound, "the repository in memory was not created");
  if (!files_.try_emplace(handle, std::move(all)).second) {
    return fail(ErrorKind::kExists, handle.path() + " exists already");
  }
  return {};
}

Result<Bytes> MemoryStorage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  TRY(cancel.check());
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(handle);
  if (found == files_.end()) return not_found(handle);
  const ByteView all = found->second;
  if (offset > all.size() || length > all.size() - offset) {
    return fail(ErrorKind::kCorrupt,
                fmt::format("{} is too short: it has {} bytes, not {}", handle.path(), all.size(), offset + length));
  }
  return to_bytes(length == 0 ? all.subspan(offset) : all.subspan(offset, length));
}

Result<uint64_t> MemoryStorage::stat(const Handle& handle, const Cancel& cancel) {
  TRY(cancel.check());
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(handle);
  if (found == files_.end()) return not_found(handle);
  return found->second.size();
}

Status MemoryStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  std::vector<FileInfo> infos;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [handle, bytes] : files_) {
      if (handle.type == type) infos.push_back({.id = handle.id, .size = bytes.size()});
    }
  }
  TRY(cancel.check());
  for (const FileInfo& info : infos) {
    TRY(cancel.check());
    TRY(visit(info));
  }
  return {};
}

Status MemoryStorage::remove(const Handle& handle, const Cancel& cancel) {
  TRY(cancel.check());
  const std::lock_guard lock(mutex_);
  if (files_.erase(handle) == 0) return not_found(handle);
  return {};
}

}  // namespace varve::storage
