#pragma once

#include "job/document_sources.h"
#include "job/verify.h"

namespace varve::job {

/// Finds the documents in which two collections differ, by `_id`, and fills in the lists and counts of `difference`.
/// Reads each side twice or more: first only sums by 4,096 buckets of the key's hash, then the documents of the buckets
/// that differ, some at a time, so that memory stays within about 64 MB whatever the collections' size.
Status compare_documents(const DocumentSource& backup, const DocumentSource& server, size_t named,
                         Difference& difference, const Cancel& cancel);

/// True if both sides give the same documents in the same order, as a capped collection's must be (RULES 12).
Result<bool> same_order(const DocumentSource& backup, const DocumentSource& server, const Cancel& cancel);

}  // namespace varve::job
