#pragma once

#include <functional>

#include "repo/index_writer.h"

namespace varve::maintenance {

/// Puts new index files in the place of old ones. The old ones go only in finish, once every new one is durable and was
/// read back: whenever it ends before, everything that was indexed still is. A pack's blobs always stand in one file.
class IndexReplacement {
 public:
  using IndexedPack = repo::IndexedPack;

  explicit IndexReplacement(repo::Repository& repository) : repository_(repository), writer_(repository) {}

  /// A pack that is durable. Thread-safe.
  Status add(IndexedPack pack, const Cancel& cancel) { return writer_.add(std::move(pack), cancel); }
  /// The file is to go, what it says with it.
  void discard(const Id& file) { old_.push_back(file); }
  /// The file is to go; of what it says the packs that `keep` takes are written anew.
  Status rewrite(const Id& file, const std::function<bool(const IndexedPack&)>& keep, const Cancel& cancel);

  Status finish(const Cancel& cancel);

  uint64_t files_written() const { return writer_.files().size(); }
  uint64_t files_removed() const { return old_.size(); }

 private:
  repo::Repository& repository_;
  repo::IndexWriter writer_;
  std::vector<Id> old_;
};

/// The packs of one index file.
Result<std::vector<repo::IndexedPack>> read_index_file(repo::Repository& repository, const Id& file,
                                                       const Cancel& cancel);

/// Adds to a list of a pack's blobs what another list says beyond it; sorted by place.
void join(const std::vector<repo::Index::PackedBlob>& from, std::vector<repo::Index::PackedBlob>& to);

}  // namespace varve::maintenance
