#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "bson/digest.h"
#include "collection/chunker.h"
#include "collection/key_index.h"
#include "job/tree_builder.h"
#include "repo/writer.h"

namespace varve::job {

/// A file of documents on its way into the repository: cut into chunks, each handed to the writer. Its list of blobs is
/// complete after finish() and Writer::drain(). One thread adds; the writer's workers fill in blob ids.
class DocumentFile {
 public:
  DocumentFile(repo::Writer& writer, std::span<const uint8_t, 16> cut_key, uint32_t average);
  DocumentFile(const DocumentFile&) = delete;
  DocumentFile& operator=(const DocumentFile&) = delete;

  /// One framed document.
  Status add(ByteView document);
  /// Hands over what is held; called before the end, it costs a cut that other backups don't have.
  Status finish() { return chunker_.finish(); }
  /// Bytes that wait for their chunk to be complete.
  size_t held() const { return chunker_.held(); }

  const bson::Digest& digest() const { return digest_; }

  // After Writer::drain():
  StoredFile file() const;
  std::vector<collection::ChunkEntry> chunks() const { return {chunks_->begin(), chunks_->end()}; }

 private:
  Status store(collection::Chunk chunk);

  repo::Writer& writer_;
  // Workers write ids into it, also after a failed run let go of the file; a deque keeps its elements in place.
  std::shared_ptr<std::deque<collection::ChunkEntry>> chunks_;
  bson::Digest digest_;
  collection::DocumentChunker chunker_;
};

}  // namespace varve::job
