#pragma once

#include "storage/storage.h"

namespace varve::repo {

/// A whole file whose name is the hash of its content, `size` being what a listing says. Bytes change on their way,
/// too: what is not what its name says is read once more before it counts as damaged (kCorrupt).
Result<Bytes> read_named(storage::Storage& storage, const storage::Handle& handle, uint64_t size, const Cancel& cancel);

}  // namespace varve::repo
