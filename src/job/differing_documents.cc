#include "job/differing_documents.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "bson/digest.h"
#include "bson/id_key.h"

namespace varve::job {

ByteView key_of(ByteView document, Bytes& scratch) {
  const auto id = bson::View(document).find("_id");
  return id ? bson::id_key(*id, scratch) : ByteView();
}

size_t key_bucket(ByteView key) {
  return codec::xxh3_128(key).low % kKeyBuckets;
}

Result<std::vector<bson::Digest>> sum_buckets(const DocumentSource& source, const Cancel& cancel) {
  std::vector<bson::Digest> buckets(kKeyBuckets);
  Bytes scratch, key;
  TRY(source(
      [&](ByteView document) -> Status {
        const auto stored = bson::as_stored(document, scratch);
        buckets[key_bucket(key_of(stored, key))].add(stored);
        return {};
      },
      cancel));
  return buckets;
}

namespace {

using Chosen = std::vector<bool>;  // by bucket

/// The documents of some buckets.
Status look_closer(const DocumentSource& before, const DocumentSource& after, const Chosen& chosen,
                   const VisitDifference& visit, const Cancel& cancel) {
  std::unordered_map<std::string, Bytes> remembered;  // by key
  Bytes scratch, space;
  TRY(before(
      [&](ByteView document) -> Status {
        const auto stored = bson::as_stored(document, scratch);
        const auto key = key_of(stored, space);
        if (chosen[key_bucket(key)]) remembered.insert_or_assign(std::string(as_text(key)), to_bytes(stored));
        return {};
      },
      cancel));
  TRY(after(
      [&](ByteView document) -> Status {
        const auto stored = bson::as_stored(document, scratch);
        const auto key = key_of(stored, space);
        if (!chosen[key_bucket(key)]) return {};
        const auto found = remembered.find(std::string(as_text(key)));
        if (found == remembered.end()) return visit({}, stored);
        const bool same = std::ranges::equal(found->second, stored);
        auto status = same ? Status() : visit(found->second, stored);
        remembered.erase(found);
        return status;
      },
      cancel));
  for (const auto& [key, document] : remembered) TRY(visit(document, {}));
  return {};
}

}  // namespace

Status differing_documents(const DocumentSource& before, const DocumentSource& after, uint64_t memory,
                           const VisitDifference& visit, const Cancel& cancel) {
  TRY_ASSIGN(const auto ours, sum_buckets(before, cancel));
  TRY_ASSIGN(const auto theirs, sum_buckets(after, cancel));
  Chosen chosen(kKeyBuckets);
  uint64_t bytes = 0;
  bool any = false;
  for (size_t i = 0; i < kKeyBuckets; ++i) {
    if (ours[i] == theirs[i]) continue;
    if (any && bytes + ours[i].bytes > memory) {
      TRY(look_closer(before, after, chosen, visit, cancel));
      chosen.assign(kKeyBuckets, false);
      bytes = 0;
    }
    chosen[i] = any = true;
    bytes += ours[i].bytes;
  }
  return any ? look_closer(before, after, chosen, visit, cancel) : Status();
}

}  // namespace varve::job
