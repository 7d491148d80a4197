#pragma once

#include <functional>
#include <vector>

#include "repo/index.h"

namespace varve::repo {

/// Gets a blob's plain bytes, verified, or why they cannot be had; `blob` is the very element of `wanted`, from which
/// its position follows. Thread-safe. An error that it gives ends the reading.
using VisitBlob = std::function<Status(const Index::PackedBlob& blob, Result<Bytes> plain)>;

/// Reads many blobs, each of `wanted` once, on several threads. Those of one pack that lie near each other come with
/// one request; packs are read in the order in which `wanted` first names them. A blob that is bad in its place is
/// looked for in the other places that the index knows. A storage that does not answer ends it with that error. Memory:
/// one read (see storage::Pace) and twice the largest blob a thread, and 16 bytes for each of `wanted`.
Status read_blobs(Repository& repository, const std::vector<Index::PackedBlob>& wanted, const VisitBlob& visit,
                  const Cancel& cancel);

/// The same, and gets the sealed bytes too; they are empty if the plain ones had to come from another place.
using VisitUnit = std::function<Status(const Index::PackedBlob& blob, ByteView unit, Result<Bytes> plain)>;
Status read_units(Repository& repository, const std::vector<Index::PackedBlob>& wanted, const VisitUnit& visit,
                  const Cancel& cancel);

}  // namespace varve::repo
