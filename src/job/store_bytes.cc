#include "job/store_bytes.h"

#include "codec/rabin.h"
#include "codec/sha256.h"

namespace varve::job {

Result<StoredFile> store_bytes(codec::Polynomial polynomial, repo::Writer& writer, ByteView bytes) {
  StoredFile file;
  file.size = bytes.size();
  const auto save = [&](ByteView piece) -> Status {
    file.blobs.push_back(codec::sha256(piece));
    return writer.save(repo::BlobType::kData, to_bytes(piece), [](const Id&) {});
  };
  if (bytes.size() > codec::RabinChunker::kMin) {
    codec::RabinChunker chunker(polynomial);
    bool cut = false;
    for (size_t length = chunker.feed(bytes, &cut); cut; length = chunker.feed(bytes, &cut)) {
      TRY(save(bytes.first(length)));
      bytes = bytes.subspan(length);
    }
  }
  if (!bytes.empty()) TRY(save(bytes));
  return file;
}

}  // namespace varve::job
