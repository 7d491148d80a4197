#include "repo/read_named.h"

#include "codec/sha256.h"

namespace varve::repo {

Result<Bytes> read_named(storage::Storage& storage, const storage::Handle& handle, uint64_t size,
                         const Cancel& cancel) {
  for (int tries = 2; tries > 0; --tries) {
    TRY_ASSIGN(auto bytes, storage.get(handle, 0, size, cancel));
    if (codec::sha256(bytes) == handle.id) return bytes;
  }
  return fail(ErrorKind::kCorrupt, "its content does not match its name");
}

}  // namespace varve::repo
