#include "storage/storage.h"

#include <algorithm>

#include "storage/layout.h"

namespace varve::storage {

namespace {

bool same_bytes(Payload payload, ByteView bytes) {
  for (const ByteView piece : payload) {
    if (piece.size() > bytes.size() || !std::ranges::equal(piece, bytes.first(piece.size()))) return false;
    bytes = bytes.subspan(piece.size());
  }
  return bytes.empty();
}

}  // namespace

std::string Handle::path() const {
  return relative_path(*this);
}

std::vector<Status> Storage::remove_some(std::span<const Handle> handles, const Cancel& cancel) {
  std::vector<Status> outcomes;
  for (const Handle& handle : handles) {
    auto removed = remove(handle, cancel);
    if (!removed && removed.error().kind() == ErrorKind::kNotFound) removed = {};
    outcomes.push_back(std::move(removed));
  }
  return outcomes;
}

uint64_t payload_size(Payload payload) {
  uint64_t size = 0;
  for (ByteView piece : payload) size += piece.size();
  return size;
}

Result<bool> is_stored(Storage& storage, const Handle& handle, Payload payload, const Cancel& cancel) {
  const auto size = storage.stat(handle, cancel);
  if (!size && size.error().kind() == ErrorKind::kNotFound) return false;
  if (!size) return fail(size.error());
  if (*size != payload_size(payload)) return false;
  if (handle.type != FileType::kConfig) return storage.is_listed(handle, cancel);
  TRY_ASSIGN(const auto bytes, storage.get(handle, 0, 0, cancel));
  return same_bytes(payload, bytes);
}

}  // namespace varve::storage
