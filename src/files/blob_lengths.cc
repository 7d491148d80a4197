#include "files/blob_lengths.h"

#include "repo/index.h"
#include "repo/pack.h"

namespace varve::files {

Result<std::vector<uint32_t>> blob_lengths(const repo::Repository& repository, const repo::Node& file) {
  std::vector<uint32_t> lengths;
  lengths.reserve(file.content.size());
  for (const Id& id : file.content) {
    const auto places = repository.index().find(repo::BlobType::kData, id);
    if (places.empty()) {
      return fail(Error(ErrorKind::kCorrupt,
                        "its content is lost: data blob " + id.short_hex() + " is in no pack of the repository")
                      .hint("`varve check` tells what else misses it"));
    }
    TRY_ASSIGN(const auto length, repo::plain_length(places.front()));
    lengths.push_back(length);
  }
  return lengths;
}

}  // namespace varve::files
