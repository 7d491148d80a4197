#pragma once

#include "job/document_sources.h"

namespace varve::job {

/// Gets a document of both sides; empty where that side has none of that `_id`.
using VisitDifference = std::function<Status(ByteView before, ByteView after)>;

/// Visits the documents in which two collections differ, by `_id`, in no order. Reads each side twice or more: first
/// sums by 4,096 buckets of the key's hash, then the documents of the buckets that differ, so many at a time as take
/// `memory` bytes on the first side (or one bucket, if that is more).
Status differing_documents(const DocumentSource& before, const DocumentSource& after, uint64_t memory,
                           const VisitDifference& visit, const Cancel& cancel);

/// Of the key of a document, which is equal where servers hold two `_id`s equal: 5 and 5.0 are one.
inline constexpr size_t kKeyBuckets = 4096;
size_t key_bucket(ByteView key);
/// Empty without `_id`. `scratch` holds the bytes where they are others than the document's.
ByteView key_of(ByteView document, Bytes& scratch);
/// Count, bytes and sum of each bucket's documents.
Result<std::vector<bson::Digest>> sum_buckets(const DocumentSource& source, const Cancel& cancel);

}  // namespace varve::job
