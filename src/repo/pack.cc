#include "repo/pack.h"

#include <algorithm>

#include "base/timed_stop.h"
#include "codec/sha256.h"

namespace varve::repo {

namespace {

constexpr size_t kLargestEntry = header_entry_size(1);
constexpr uint8_t kCompressedBit = 2;

unexpected<Error> bad_header(const Id& pack, std::string_view why) {
  return fail(ErrorKind::kCorrupt, "the header of pack " + pack.short_hex() + " is damaged: " + std::string(why));
}

}  // namespace

Result<uint32_t> plain_length(const BlobLocation& at) {
  if (at.length < codec::kSealOverhead || at.length > kMaxBlob || at.plain_length > kMaxBlob) {
    return fail(ErrorKind::kCorrupt,
                "the index gives a blob in pack " + at.pack.short_hex() + " a length that no blob can have");
  }
  return at.plain_length != 0 ? at.plain_length : at.length - static_cast<uint32_t>(codec::kSealOverhead);
}

Bytes encode_pack_header(const std::vector<PackedBlob>& blobs) {
  Bytes out;
  out.reserve(blobs.size() * kLargestEntry);
  for (const auto& blob : blobs) {
    const bool compressed = blob.location.plain_length != 0;
    out.push_back(static_cast<uint8_t>(static_cast<uint8_t>(blob.type) | (compressed ? kCompressedBit : 0)));
    append_le(out, blob.location.length);
    if (compressed) append_le(out, blob.location.plain_length);
    append(out, blob.id.bytes);
  }
  return out;
}

Result<std::vector<PackedBlob>> decode_pack_header(ByteView header, const Id& pack) {
  std::vector<PackedBlob> blobs;
  uint64_t offset = 0;
  while (!header.empty()) {
    const uint8_t kind = header[0];
    if (kind > 3) return bad_header(pack, "an unknown type of blob");
    const bool compressed = (kind & kCompressedBit) != 0;
    const size_t size = header_entry_size(compressed ? 1 : 0);
    if (header.size() < size) return bad_header(pack, "it ends inside an entry");

    PackedBlob blob{};
    blob.type = static_cast<BlobType>(kind & 1);
    blob.location.pack = pack;
    blob.location.offset = static_cast<uint32_t>(offset);
    blob.location.length = load_le<uint32_t>(header.data() + 1);
    if (compressed) blob.location.plain_length = load_le<uint32_t>(header.data() + 5);
    std::memcpy(blob.id.bytes.data(), header.data() + size - 32, 32);
    offset += blob.location.length;
    if (blob.location.length < codec::kSealOverhead) return bad_header(pack, "a blob that is too short");
    if (compressed && blob.location.plain_length == 0) return bad_header(pack, "a compressed blob of nothing");
    if (offset > UINT32_MAX) return bad_header(pack, "it would be larger than 4 GiB");
    blobs.push_back(blob);
    header = header.subspan(size);
  }
  return blobs;
}

uint64_t pack_file_size(const std::vector<PackedBlob>& blobs) {
  uint64_t size = kPackOverhead;
  for (const auto& blob : blobs) size += blob.location.length + header_entry_size(blob.location.plain_length);
  return size;
}

Result<std::vector<PackedBlob>> read_pack_header(const codec::SealKey& key, ByteView tail, const Id& pack) {
  if (tail.size() < sizeof(uint32_t)) return bad_header(pack, "it is too short");
  const auto length = load_le<uint32_t>(tail.data() + tail.size() - sizeof(uint32_t));
  tail = tail.first(tail.size() - sizeof(uint32_t));
  if (length < codec::kSealOverhead || length > kMaxHeader || length > tail.size()) {
    return bad_header(pack, "its length is impossible");
  }
  auto plain = codec::unseal(key, tail.last(length));
  if (!plain) return bad_header(pack, plain.error().message());
  return decode_pack_header(*plain, pack);
}

void sort_by_place(std::vector<PackedBlob>& blobs) {
  std::sort(blobs.begin(), blobs.end(), [](const PackedBlob& a, const PackedBlob& b) {
    return std::tie(a.location.offset, a.location.length, a.type, a.id) <
           std::tie(b.location.offset, b.location.length, b.type, b.id);
  });
}

Id digest_of(std::vector<PackedBlob> blobs) {
  sort_by_place(blobs);
  Bytes bytes = encode_pack_header(blobs);
  for (const auto& blob : blobs) append_le(bytes, blob.location.offset);
  return codec::sha256(bytes);
}

bool is_contiguous(const std::vector<PackedBlob>& blobs) {
  uint64_t end = 0;
  return std::all_of(blobs.begin(), blobs.end(), [&](const PackedBlob& blob) {
    const bool follows = blob.location.offset == end;
    end += blob.location.length;
    return follows;
  });
}

Result<std::vector<PackedBlob>> load_pack_header(storage::Storage& storage, const codec::SealKey& key, const Id& pack,
                                                 uint64_t size, const Cancel& cancel) {
  constexpr uint64_t kUsual = 16u << 10;  // holds the header of nearly every pack
  if (size <= codec::kSealOverhead + sizeof(uint32_t)) return bad_header(pack, "the pack is too short");
  const auto last = [&](uint64_t length) {
    return storage.get({storage::FileType::kPack, pack}, size - length, length, cancel);
  };
  TRY_ASSIGN(auto tail, last(std::min(size, kUsual)));
  const auto length = load_le<uint32_t>(tail.data() + tail.size() - sizeof(uint32_t));
  const uint64_t wanted = uint64_t{length} + sizeof(uint32_t);
  if (wanted > tail.size() && wanted <= size && length <= kMaxHeader) {
    TRY_ASSIGN(tail, last(wanted));
  }
  TRY_ASSIGN(auto blobs, read_pack_header(key, tail, pack));
  if (pack_file_size(blobs) != size) return bad_header(pack, "what it lists does not fill the pack");
  return blobs;
}

Status hash_pack(storage::Storage& storage, const storage::FileInfo& pack, const Cancel& cancel) {
  constexpr uint64_t kPiece = 2u << 20;  // about what stays in a core's cache
  const storage::Handle handle{storage::FileType::kPack, pack.id};
  TRY_ASSIGN(const uint64_t size, storage.stat(handle, cancel));
  if (size != pack.size) {
    return fail(ErrorKind::kCorrupt, "it has " + std::to_string(size) + " bytes, not the " + std::to_string(pack.size) +
                                         " that were written");
  }
  codec::Sha256 hash;
  for (uint64_t at = 0; at < size; at += kPiece) {
    TRY_ASSIGN(const auto piece, storage.get(handle, at, std::min(kPiece, size - at), cancel));
    hash.update(piece);
  }
  if (hash.finish() != pack.id) return fail(ErrorKind::kCorrupt, "its content does not match its name");
  return {};
}

Status read_back_pack(storage::Storage& storage, const storage::FileInfo& pack, const Cancel& cancel) {
  auto same = hash_pack(storage, pack, cancel);
  if (same) return same;
  if (same.error().kind() == ErrorKind::kCorrupt) {
    (void)storage.remove({storage::FileType::kPack, pack.id}, TimedStop(kCleanUp).cancel());
  }
  return fail(std::move(same).error().within("new pack " + pack.id.short_hex() +
                                             " cannot be read back as it was written, so nothing is removed for it"));
}

Result<Bytes> open_blob(const codec::SealKey& key, ByteView unit, uint32_t plain_length, const Id& id,
                        codec::Decompressor& decompressor) {
  if (plain_length > kMaxBlob) return fail(ErrorKind::kCorrupt, "it claims to be larger than any blob");
  TRY_ASSIGN(auto plain, codec::unseal(key, unit));
  if (plain_length != 0) {
    TRY_ASSIGN(plain, decompressor.decompress_exactly(plain, plain_length));
  }
  if (codec::sha256(plain) != id) return fail(ErrorKind::kCorrupt, "its content does not match its id");
  return plain;
}

Status prove_blob(const codec::SealKey& key, ByteView unit, uint32_t plain_length, const Id& id,
                  codec::Decompressor& decompressor) {
  codec::Sha256 hash;
  size_t size = 0;
  const auto take = [&](ByteView plain) {
    hash.update(plain);
    size += plain.size();
  };
  const bool compressed = plain_length != 0;
  if (compressed) decompressor.begin();
  TRY(codec::unseal(key, unit, [&](ByteView piece) -> Status {
    if (compressed) return decompressor.feed(piece, take);
    take(piece);
    return {};
  }));
  if (compressed) {
    TRY(decompressor.end());
    if (size != plain_length) return fail(ErrorKind::kCorrupt, "its content has another length than recorded");
  }
  return hash.finish() == id ? Status() : fail(ErrorKind::kCorrupt, "its content does not match its id");
}

void PackBuilder::add(BlobType type, const Id& id, ByteView unit, uint32_t plain_length) {
  blobs_.push_back(
      {type, id, {Id{}, static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(unit.size()), plain_length}});
  append(bytes_, unit);
}

void PackBuilder::merge(const PackBuilder& other) {
  const auto shift = static_cast<uint32_t>(bytes_.size());
  append(bytes_, other.bytes_);
  for (auto blob : other.blobs_) {
    blob.location.offset += shift;
    blobs_.push_back(blob);
  }
}

void PackBuilder::finish(const codec::SealKey& key, const codec::Iv& iv) {
  const Bytes header = encode_pack_header(blobs_);
  codec::seal(key, iv, header, bytes_);
  append_le(bytes_, static_cast<uint32_t>(header.size() + codec::kSealOverhead));
}

std::vector<PackedBlob> PackBuilder::place_in(const Id& pack) const {
  auto placed = blobs_;
  for (auto& blob : placed) blob.location.pack = pack;
  return placed;
}

}  // namespace varve::repo
