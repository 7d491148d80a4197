#include "files/blob_lengths.h"

#include "codec/seal.h"
#include "repo/index.h"
#include "repo/pack.h"

namespace varve::files {

Result<uint32_t> plain_length(const repo::BlobLocation& at) {
  constexpr auto kOverhead = static_cast<uint32_t>(codec::kSealOverhead);
  if (at.length < kOverhead || at.length > repo::kMaxBlob || at.plain_length > repo::kMaxBlob) {
    return fail(ErrorKind::kCorrupt,
                "the index gives a data blob in pack " + at.pack.short_hex() + " a length that no blob can have");
  }
  return at.plain_length != 0 ? at.plain_length : at.length - kOverhead;
}

Result<std::vector<uint32_t>> blob_lengths(const repo::Repository& repository, const repo::Node& file) {
  std::vector<uint32_t> lengths;
  lengths.reserve(file.content.size());
  for (const Id& id : file.content) {
    const auto places = repository.index().find(repo::BlobType::kData, id);
    if (places.empty()) {
      return fail(Error(ErrorKind::kNotFound,
                        "its content is lost: data blob " + id.short_hex() + " is in no pack of the repository")
                      .hint("`varve check` tells what else misses it"));
    }
    TRY_ASSIGN(const auto length, plain_length(places.front()));
    lengths.push_back(length);
  }
  return lengths;
}

}  // namespace varve::files
