#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dump/input.h"
#include "dump/writer.h"

namespace varve::dump {

/// Reads what mongodump wrote: a folder or an archive, of whatever version. First contents(), then read() once. What is
/// read comes from outside and is hostile: damage is kCorrupt with the file and the offset, and nothing that is read
/// may be used if there was any. One thread.
class DumpReader {
 public:
  struct Visitor {
    /// Whole, valid documents of a namespace as the dump names it: a time-series' are those of its buckets, kOplog's
    /// the entries of the oplog. In an archive those of several namespaces take turns.
    std::function<Status(const bson::Namespace& ns, ByteView documents)> documents;
    /// There are no more of it. Called for each namespace that has a file or a place in the archive.
    std::function<Status(const bson::Namespace& ns)> end;
  };

  virtual ~DumpReader() = default;
  /// What is described, `prelude` left empty, versions empty where the dump does not tell them.
  virtual const Contents& contents() const = 0;
  /// Reads everything, but not the files of namespaces that `wanted` does not want, where they can be passed over.
  virtual Status read(const std::function<bool(const bson::Namespace&)>& wanted, const Visitor& visitor) = 0;
  /// Of documents and descriptions together as they lie there, compressed or not; 0 if nobody knows.
  virtual uint64_t bytes_total() const = 0;
  virtual uint64_t bytes_read() const = 0;
  /// Files that are nothing of mongodump's, and were passed over.
  virtual std::vector<std::string> passed_over() const { return {}; }
};

struct ReadDumpOptions {
  bool expect_gzip = false;  ///< the user says that it is compressed; kInvalidInput if it is not
};

/// What to say where it is not.
Error not_compressed(const std::string& shown);

/// `path`: the folder of a server, or of one database, or the file of one collection. kNotFound or kInvalidInput if
/// there is no dump.
Result<std::unique_ptr<DumpReader>> open_folder(const std::string& path, const ReadDumpOptions& options,
                                                const Cancel& cancel);
/// An archive, format 0.1. `shown`: what it is called in errors.
Result<std::unique_ptr<DumpReader>> open_archive(ReadInto source, uint64_t bytes_total, const std::string& shown,
                                                 const ReadDumpOptions& options);

}  // namespace varve::dump
