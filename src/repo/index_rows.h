#pragma once

#include "repo/index.h"

namespace varve::repo {

/// The entries of an index, numbered: whoever keeps something about each blob can keep it in an array. Sorted by id and
/// type, so that the copies of a blob stand one after the other. Valid until the index changes. Reading is thread-safe.
class IndexRows {
 public:
  /// Settles the index.
  explicit IndexRows(Index& index);

  struct Row {
    BlobType type;
    Id id;
    uint32_t pack;  ///< a number; see packs
    uint32_t offset, length, plain_length;

    bool is_copy_of(const Row& other) const { return type == other.type && id == other.id; }
  };

  size_t size() const { return first_[256]; }
  Row operator[](size_t row) const;
  /// The first copy of a blob.
  std::optional<size_t> find(BlobType type, const Id& id) const;
  /// Calls `visit(row, Row)` for every row in order.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (size_t i = 0; i < size(); ++i) visit(i, (*this)[i]);
  }

  /// The packs by number.
  const std::vector<Id>& packs() const { return packs_; }
  Index::PackedBlob blob(size_t row) const;

 private:
  const Index& index_;
  std::vector<Id> packs_;
  std::array<size_t, 257> first_{};  ///< of each shard
};

}  // namespace varve::repo
