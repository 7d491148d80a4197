#include "job/document_file.h"

namespace varve::job {

DocumentFile::DocumentFile(repo::Writer& writer, std::span<const uint8_t, 16> cut_key, uint32_t average)
    : writer_(writer),
      chunks_(std::make_shared<std::deque<collection::ChunkEntry>>()),
      chunker_(
          cut_key, average, [this](collection::Chunk chunk) { return store(std::move(chunk)); },
          [this] { return writer_.buffer(); }) {}

Status DocumentFile::add(ByteView document) {
  digest_.add(document);
  return chunker_.add_document(document);
}

Status DocumentFile::store(collection::Chunk chunk) {
  auto& entry = chunks_->emplace_back();
  entry.documents = chunk.documents;
  entry.first_id = std::move(chunk.first_id);
  return writer_.save(repo::BlobType::kData, std::move(chunk.bytes),
                      [chunks = chunks_, &entry](const Id& id) { entry.blob = id; });
}

StoredFile DocumentFile::file() const {
  StoredFile file;
  file.size = digest_.bytes;
  file.blobs.reserve(chunks_->size());
  for (const auto& chunk : *chunks_) file.blobs.push_back(chunk.blob);
  return file;
}

}  // namespace varve::job
