#pragma once

#include <algorithm>
#include <vector>

#include "mongo/oplog.h"

namespace varve::job {

/// Entries that were read and are not stored yet. The first one is stored already, if anything is: the next slice
/// begins with it.
class PendingEntries {
 public:
  void clear() {
    bytes_.clear();
    entries_.clear();
  }
  void add(ByteView entry) {
    entries_.push_back({mongo::position_of(bson::View(entry)), bytes_.size(), entry.size()});
    append(bytes_, entry);
  }
  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  size_t bytes() const { return bytes_.size(); }
  ByteView entry(size_t i) const { return ByteView(bytes_).subspan(entries_[i].offset, entries_[i].size); }
  const mongo::OplogPosition& position(size_t i) const { return entries_[i].position; }

  /// How many of the first ones are at or before `until`.
  size_t count_until(bson::Timestamp until) const {
    const auto after = std::ranges::upper_bound(entries_, until, {}, [](const Entry& e) { return e.position.ts; });
    return static_cast<size_t>(after - entries_.begin());
  }
  /// The entry before `first` becomes the one that is stored already.
  void drop_before(size_t first) {
    PendingEntries left;
    for (size_t i = first - 1; i < entries_.size(); ++i) left.add(entry(i));
    *this = std::move(left);
  }

 private:
  struct Entry {
    mongo::OplogPosition position;
    size_t offset = 0, size = 0;
  };
  Bytes bytes_;
  std::vector<Entry> entries_;
};

}  // namespace varve::job
