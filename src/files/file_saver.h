#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/channel.h"
#include "codec/rabin.h"
#include "files/ledger.h"
#include "files/local_node.h"
#include "files/tree_saver.h"

namespace varve::files {

/// A regular file that is to be read.
struct FileJob {
  std::string path;
  std::string name;  ///< in the snapshot
  std::optional<repo::Node> previous;
  PendingEntry entry;
};

/// Reads files and hands their chunks to the writer. A file that cannot be read to its end is a problem and left out.
class FileSaver {
 public:
  /// `polynomial`: how files are cut.
  FileSaver(codec::Polynomial polynomial, repo::Writer& writer, const Describe& describe, TreeSaver& trees,
            Ledger& ledger);

  /// Waits while others are in the queue.
  Status add(FileJob job, const Cancel& cancel);
  void close() { jobs_.close(); }
  /// Reads until closed; on as many threads as files are to be read at once.
  Status run(const Cancel& cancel);

 private:
  struct Reading;

  Status save(FileJob job, codec::RabinChunker& chunker, const Cancel& cancel);
  Status read(const LocalFile& file, const std::shared_ptr<Reading>& reading, codec::RabinChunker& chunker,
              const Cancel& cancel);
  void let_go(const std::shared_ptr<Reading>& reading);

  const codec::Polynomial polynomial_;
  repo::Writer& writer_;
  const Describe& describe_;
  TreeSaver& trees_;
  Ledger& ledger_;
  Channel<FileJob> jobs_;
};

}  // namespace varve::files
