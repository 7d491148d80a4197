#include "repo/read_blobs.h"

#include <algorithm>
#include <unordered_map>

#include "base/parallel.h"
#include "repo/blob_reader.h"
#include "repo/pack.h"
#include "repo/shared_reader.h"
#include "repo/walk_trees.h"

namespace varve::repo {

namespace {

using Blob = Index::PackedBlob;

constexpr uint64_t kGap = 256u << 10;  // unwanted bytes that are cheaper to read than to ask anew

uint64_t end_of(const Blob& blob) {
  return uint64_t{blob.location.offset} + blob.location.length;
}

/// Positions in `wanted`: packs in order of first mention, by offset within one.
std::vector<size_t> reading_order(const std::vector<Blob>& wanted) {
  std::unordered_map<Id, size_t> rank;
  for (const auto& blob : wanted) rank.try_emplace(blob.location.pack, rank.size());
  std::vector<std::pair<size_t, size_t>> keyed(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) keyed[i] = {rank[wanted[i].location.pack], i};
  std::sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return std::pair(a.first, wanted[a.second].location.offset) < std::pair(b.first, wanted[b.second].location.offset);
  });
  std::vector<size_t> order(wanted.size());
  std::transform(keyed.begin(), keyed.end(), order.begin(), [](const auto& key) { return key.second; });
  return order;
}

class Reading {
 public:
  Reading(Repository& repository, const std::vector<Blob>& wanted, const VisitUnit& visit)
      : repository_(repository),
        reader_(repository.storage()),
        blobs_(repository.storage(), repository.key()),
        wanted_(wanted),
        order_(reading_order(wanted)),
        request_(repository.storage().pace().read),
        visit_(visit) {
    for (size_t i = 0; i < order_.size(); ++i) {
      if (i == 0 || !joins(starts_.back(), i)) starts_.push_back(i);
    }
  }

  size_t requests() const { return starts_.size(); }
  unsigned threads() const { return reader_.threads(); }

  Status run(size_t request, const Cancel& cancel) {
    const size_t first = starts_[request];
    const size_t last = request + 1 < starts_.size() ? starts_[request + 1] : order_.size();
    const uint64_t begin = blob(first).location.offset;
    const auto bytes = reader_.get(pack_handle(blob(first).type, blob(first).location.pack), begin,
                                   end_of(blob(last - 1)) - begin, cancel);
    if (!bytes && !is_damage(bytes.error())) return fail(bytes.error());
    for (size_t i = first; i < last; ++i) {
      TRY(cancel.check());
      TRY(bytes ? give(blob(i), ByteView(*bytes).subspan(blob(i).location.offset - begin, blob(i).location.length),
                       cancel)
                : give_elsewhere(blob(i), cancel));
    }
    return {};
  }

 private:
  const Blob& blob(size_t i) const { return wanted_[order_[i]]; }

  bool joins(size_t first, size_t i) const {
    const auto& before = blob(i - 1);
    const auto& next = blob(i);
    return next.location.pack == before.location.pack && next.location.offset >= end_of(before) &&
           next.location.offset - end_of(before) <= kGap && end_of(next) - blob(first).location.offset <= request_;
  }

  Status give(const Blob& wanted, ByteView unit, const Cancel& cancel) {
    auto plain = blobs_.open(unit, wanted.location, wanted.id);
    return plain ? visit_(wanted, unit, std::move(plain)) : give_elsewhere(wanted, cancel);
  }

  Status give_elsewhere(const Blob& wanted, const Cancel& cancel) {
    auto plain = repository_.load_blob(wanted.type, wanted.id, cancel);
    if (!plain && !is_damage(plain.error())) return fail(plain.error());
    return visit_(wanted, {}, std::move(plain));
  }

  Repository& repository_;
  SharedReader reader_;
  BlobReader blobs_;
  const std::vector<Blob>& wanted_;
  const std::vector<size_t> order_;
  const uint64_t request_;      ///< bytes asked for at once, unless one blob is larger
  std::vector<size_t> starts_;  ///< where in `order_` each request begins
  const VisitUnit& visit_;
};

}  // namespace

Status read_units(Repository& repository, const std::vector<Blob>& wanted, const VisitUnit& visit,
                  const Cancel& cancel) {
  for (const auto& blob : wanted) {
    if (blob.location.length > kMaxBlob) {
      return fail(ErrorKind::kCorrupt, "the index says of " + std::string(type_noun(blob.type)) + " " +
                                           blob.id.short_hex() + " that it is larger than any blob");
    }
  }
  Reading reading(repository, wanted, visit);
  return parallel_for(reading.requests(), reading.threads(), cancel,
                      [&](size_t request, const Cancel& inner) { return reading.run(request, inner); });
}

Status read_blobs(Repository& repository, const std::vector<Blob>& wanted, const VisitBlob& visit,
                  const Cancel& cancel) {
  return read_units(
      repository, wanted,
      [&](const Blob& blob, ByteView, Result<Bytes> plain) { return visit(blob, std::move(plain)); }, cancel);
}

}  // namespace varve::repo
