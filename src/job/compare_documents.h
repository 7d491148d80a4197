#pragma once

#include "codec/hash.h"
#include "job/document_sources.h"
#include "job/verify.h"

namespace varve::job {

/// Finds the documents in which two collections differ, by `_id`, and fills in the lists and counts of `difference`.
/// Reads each side twice or more: first only sums by 4,096 buckets of the key's hash, then the documents of the buckets
/// that differ, some at a time, so that memory stays within about 64 MB whatever the collections' size.
Status compare_documents(const DocumentSource& backup, const DocumentSource& server, size_t named,
                         Difference& difference, const Cancel& cancel);

/// Stands for documents in their order, as a capped collection's must be (RULES 12): each link is the hash of all
/// before and of the document as a server stores it.
class OrderHash {
 public:
  void add(ByteView document);
  bool operator==(const OrderHash& other) const { return hash_ == other.hash_; }

 private:
  codec::UInt128 hash_;
  Bytes scratch_, link_;
};

Result<OrderHash> order_of(const DocumentSource& source, const Cancel& cancel);

}  // namespace varve::job
