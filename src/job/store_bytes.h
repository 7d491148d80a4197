#pragma once

#include "job/tree_builder.h"
#include "repo/writer.h"

namespace varve::job {

/// Stores bytes that are no documents (manifest, metadata, key index): cut with restic's Rabin.
Result<StoredFile> store_bytes(codec::Polynomial polynomial, repo::Writer& writer, ByteView bytes);

}  // namespace varve::job
