#include "repo/blob_reader.h"

#include "repo/pack.h"

namespace varve::repo {

std::unique_ptr<codec::Decompressor> DecompressorPool::take() {
  std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<codec::Decompressor>();
  auto last = std::move(idle_.back());
  idle_.pop_back();
  return last;
}

void DecompressorPool::give(std::unique_ptr<codec::Decompressor> decompressor) {
  std::lock_guard lock(mutex_);
  idle_.push_back(std::move(decompressor));
}

std::string_view type_noun(BlobType type) {
  return type == BlobType::kTree ? "tree" : "data blob";
}

Result<Bytes> BlobReader::open(ByteView unit, const BlobLocation& at, const Id& id) {
  return decompressors_.with([&](codec::Decompressor& d) { return open_blob(key_, unit, at.plain_length, id, d); });
}

Result<Bytes> BlobReader::load_at(BlobType type, const BlobLocation& at, const Id& id, const Cancel& cancel) {
  if (at.length > kMaxBlob) return fail(ErrorKind::kCorrupt, "it claims to be larger than any blob");
  const auto read = [&]() -> Result<Bytes> {
    TRY_ASSIGN(const auto unit, storage_.get(pack_handle(type, at.pack), at.offset, at.length, cancel));
    return open(unit, at, id);
  };
  auto plain = read();
  return plain || plain.error().kind() != ErrorKind::kCorrupt ? plain : read();
}

Result<Bytes> BlobReader::load(const Index& index, BlobType type, const Id& id, const Cancel& cancel) {
  const std::string noun = std::string(type_noun(type)) + " " + id.short_hex();
  const auto places = index.find(type, id);
  if (places.empty()) {
    return fail(Error(ErrorKind::kCorrupt, noun + " is in no pack of the repository")
                    .hint("`varve check` tells which snapshots miss it"));
  }
  std::string causes;
  std::optional<Error> transient;
  for (const auto& at : places) {
    auto plain = load_at(type, at, id, cancel);
    if (plain) return plain;
    if (is_stop(plain.error())) return plain;
    const auto kind = plain.error().kind();
    if (kind != ErrorKind::kCorrupt && kind != ErrorKind::kNotFound) transient = plain.error();
    if (!causes.empty()) causes += "; ";
    causes += "in pack " + at.pack.short_hex() + ": " + plain.error().message();
  }
  // An answer that may be better the next time is not damage.
  if (transient) return fail(std::move(*transient).within("cannot read " + noun));
  return fail(Error(ErrorKind::kCorrupt, noun + " cannot be read: " + causes)
                  .hint("`varve check --read-data` tells what else is affected"));
}

}  // namespace varve::repo
