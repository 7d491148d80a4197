#pragma once

#include <memory>
#include <vector>

#include "codec/seal.h"
#include "codec/zstd.h"
#include "repo/index.h"

namespace varve::repo {

/// A pack file is sealed blobs, a sealed header that lists them, and the header's length:
///   unit(blob) ... unit(header) u32le(length of the header unit)
using PackedBlob = Index::PackedBlob;

/// No blob, plain or sealed, may be larger: what is larger is damage or malice, or a caller's defect. The largest that
/// are no malice are trees: a folder of a million files has one of 400 MB.
inline constexpr uint64_t kMaxBlob = 1u << 30;
/// restic reads no header that is longer.
inline constexpr uint64_t kMaxHeader = 16u << 20;

/// A pack that is asked for because of a blob of that type in it.
inline storage::Handle pack_handle(BlobType type, const Id& pack) {
  return {storage::FileType::kPack, pack, type == BlobType::kTree};
}

/// The plain length of a blob that lies there. kCorrupt if no blob can have it.
Result<uint32_t> plain_length(const BlobLocation& at);

/// What a pack takes beside its blobs and their entries in its header; and such an entry.
inline constexpr uint64_t kPackOverhead = codec::kSealOverhead + sizeof(uint32_t);
constexpr uint64_t header_entry_size(uint32_t plain_length) {
  return plain_length != 0 ? 41 : 37;
}

/// The header's plain bytes; offsets are implied by the order.
Bytes encode_pack_header(const std::vector<PackedBlob>& blobs);
/// kCorrupt for unknown types, impossible lengths, or a rest.
Result<std::vector<PackedBlob>> decode_pack_header(ByteView header, const Id& pack);
/// The file size that a pack of these blobs must have.
uint64_t pack_file_size(const std::vector<PackedBlob>& blobs);

/// The same for two lists of a pack's blobs that say the same, in whatever order.
Id digest_of(std::vector<PackedBlob> blobs);
/// Whether the blobs, sorted by offset, follow one another from the pack's beginning without gap or overlap.
bool is_contiguous(const std::vector<PackedBlob>& blobs);
void sort_by_place(std::vector<PackedBlob>& blobs);

/// The blobs that a pack's last bytes list. `tail` must hold the header and its length at least.
Result<std::vector<PackedBlob>> read_pack_header(const codec::SealKey& key, ByteView tail, const Id& pack);

/// Reads the header of a stored pack of `size` bytes. kCorrupt too if what it lists does not fill the pack.
Result<std::vector<PackedBlob>> load_pack_header(storage::Storage& storage, const codec::SealKey& key, const Id& pack,
                                                 uint64_t size, const Cancel& cancel);

/// Reads a pack in pieces. kCorrupt if it has another size, or its content another hash than its name.
Status hash_pack(storage::Storage& storage, const storage::FileInfo& pack, const Cancel& cancel);

/// A pack that was just stored has its size, and its content the hash that names it: not only taken by the storage, but
/// given back. Read in pieces. One that is damaged already is taken away again, as far as that is possible.
Status read_back_pack(storage::Storage& storage, const storage::FileInfo& pack, const Cancel& cancel);

/// The plain bytes of a blob from its sealed ones; kCorrupt unless they hash to `id`.
Result<Bytes> open_blob(const codec::SealKey& key, ByteView unit, uint32_t plain_length, const Id& id,
                        codec::Decompressor& decompressor);

/// Opens a blob that was just sealed, in pieces and for nothing but to see that it opens; kCorrupt unless it does and
/// hashes to `id`.
Status prove_blob(const codec::SealKey& key, ByteView unit, uint32_t plain_length, const Id& id,
                  codec::Decompressor& decompressor);

/// Stands for a pack among those that there may be at once, and tells whoever counts them when it goes.
using PackPlace = std::unique_ptr<void, void (*)(void*)>;
inline PackPlace no_place() {
  return {nullptr, [](void*) {}};
}

/// A pack that is being filled, in memory. One thread at a time.
class PackBuilder {
 public:
  /// `capacity`: how many bytes it will about hold; in `room`, whose content is gone.
  explicit PackBuilder(uint64_t capacity, Bytes room = {}) : bytes_(std::move(room)) {
    bytes_.clear();
    bytes_.reserve(capacity);
  }

  /// As long as it lives.
  void keep(PackPlace place) { place_ = std::move(place); }
  void add(BlobType type, const Id& id, ByteView unit, uint32_t plain_length);
  /// Takes over the blobs of another pack.
  void merge(const PackBuilder& other);
  /// Seals the header; the pack is complete then.
  void finish(const codec::SealKey& key, const codec::Iv& iv);

  /// No further blob can be added without breaking the format's limits.
  bool is_full() const { return blobs_.size() >= kMaxBlobs || bytes_.size() >= kMaxBlob; }
  uint64_t size() const { return bytes_.size(); }
  bool empty() const { return blobs_.empty(); }
  ByteView bytes() const { return bytes_; }
  /// The blobs with their places; the pack's id is set by place_in.
  const std::vector<PackedBlob>& blobs() const { return blobs_; }
  std::vector<PackedBlob> place_in(const Id& pack) const;
  /// Its bytes, for the next one.
  Bytes release() && { return std::move(bytes_); }

 private:
  static constexpr size_t kMaxBlobs = 100'000;

  PackPlace place_ = no_place();
  Bytes bytes_;
  std::vector<PackedBlob> blobs_;
};

}  // namespace varve::repo
