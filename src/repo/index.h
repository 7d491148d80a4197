#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "repo/repository.h"

namespace varve::repo {

/// Every blob of the repository and where it lies. Compact: sorted arrays, about 48 bytes a blob. Thread-safe.
class Index {
 public:
  Index();
  ~Index();

  /// Every place that holds the blob; empty if unknown.
  std::vector<BlobLocation> find(BlobType type, const Id& id) const;
  bool has(BlobType type, const Id& id) const;

  /// Marks a blob as being written, unless it is known or being written already: true for exactly one caller. This is
  /// the decision of deduplication.
  bool claim(BlobType type, const Id& id);
  /// The blobs of a pack that is now durable; takes them out of the claimed ones.
  struct PackedBlob {
    BlobType type;
    Id id;
    BlobLocation location;

    bool operator==(const PackedBlob&) const = default;
  };
  void add_pack(const std::vector<PackedBlob>& blobs);
  /// The same for many packs, several times as fast and in less memory: what was loaded is found only after settle,
  /// which forgets dropped packs as well.
  void load_pack(const std::vector<PackedBlob>& blobs);
  void settle();
  /// For a writer that ends without having saved its last index files: what it claimed, and the packs that no index
  /// file names, must not be taken for stored by whoever writes next.
  void drop_claims();
  void drop_pack(const Id& pack);
  /// As if nothing had ever been loaded or added. Nobody else uses it meanwhile.
  void forget();

  size_t size() const;
  /// Visits every known blob, sorted by pack and offset within one type.
  void for_each(const std::function<void(BlobType, const Id&, const BlobLocation&)>& visit) const;

 private:
  friend class IndexRows;
  struct State;
  std::unique_ptr<State> state_;
};

/// One index file: packs with their blobs. encode gives restic's JSON with its newline.
struct IndexedPack {
  Id pack;
  std::vector<Index::PackedBlob> blobs;
};
std::string encode_index(const std::vector<IndexedPack>& packs);
/// Lenient as restic is: unknown keys, any order. Parses as a stream (no DOM), for files of many megabytes.
Status decode_index(std::string_view json, const std::function<void(IndexedPack)>& visit);

}  // namespace varve::repo
