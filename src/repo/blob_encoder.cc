#include "repo/blob_encoder.h"

#include "repo/pack.h"

namespace varve::repo {

namespace {

using codec::Compression;

constexpr size_t kLargestKept = 3u << 20;  // a rare large one would stay for all the others

/// Trees are compressed whatever the level.
Compression level_for(Compression level) {
  return level == Compression::kOff ? Compression::kAuto : level;
}

void empty(Bytes& buffer) {
  buffer.clear();
  if (buffer.capacity() > kLargestKept) Bytes().swap(buffer);
}

}  // namespace

BlobEncoder::BlobEncoder(Compression level) : level_(level), compressor_(level_for(level)) {}

void BlobEncoder::begin(const Blob& blob, size_t repositories) {
  blob_ = blob;
  left_ = repositories;
  gain_.reset();
}

bool BlobEncoder::gains() {
  if (!gain_) {
    packed_.resize(codec::kIvSize);
    const bool wanted = blob_.always || level_ != Compression::kOff;
    if (wanted && !blob_.plain.empty()) compressor_.compress(blob_.plain, packed_);
    const size_t size = packed_.size() - codec::kIvSize;
    gain_ = size > 0 && (blob_.always || size < blob_.plain.size());
  }
  return *gain_;
}

/// The last repository's is sealed where it was compressed.
void BlobEncoder::lay_out(bool compressed) {
  const bool last = --left_ == 0;
  if (last) unit_.swap(packed_);
  if (last && compressed) return;
  const auto body = compressed ? ByteView(packed_).subspan(codec::kIvSize) : blob_.plain;
  unit_.resize(codec::kIvSize);
  unit_.reserve(body.size() + codec::kSealOverhead);
  append(unit_, body);
}

Result<BlobEncoder::Unit> BlobEncoder::seal_for(const Repository& repository) {
  const bool compressed = repository.config().version != 1 && gains();
  lay_out(compressed);
  codec::seal_in_place(repository.key(), codec::random_iv(), unit_);
  const Unit unit{unit_, compressed ? static_cast<uint32_t>(blob_.plain.size()) : 0};
  const auto proved = prove_blob(repository.key(), unit.bytes, unit.plain_length, blob_.id, decompressor_);
  if (proved) return unit;
  return fail(
      Error(ErrorKind::kInternal, "a blob could not be read back before it was stored: " + proved.error().message())
          .hint("this points to a fault of memory or processor"));
}

void BlobEncoder::end() {
  unit_.swap(packed_);  // as they were: where there is one repository, only one of them ever holds anything
  empty(packed_);
  empty(unit_);
}

}  // namespace varve::repo
