#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bson/namespace.h"
#include "dump/directory.h"
#include "dump/gzip.h"

namespace varve::dump {

/// Where mongodump's files of the window's operations go: {"", "oplog"}.
extern const bson::Namespace kOplog;

/// A collection, view or time-series, as users see it.
struct Description {
  bson::Namespace ns;
  std::string type;      ///< "collection", "view", "timeseries"
  std::string metadata;  ///< the text of its metadata.json
};

/// What is known before the first document.
struct Contents {
  std::string prelude;  ///< the text of prelude.json
  std::string server_version, tool_version;
  std::vector<Description> collections;
};

/// Writes what mongodump would: a folder, or an archive (its format 0.1). First begin(), then streams, each to its end
/// (one at a time in an archive, users, roles and version first, the oplog last), then finish(). Streams of a folder
/// may be written by several threads.
class DumpWriter {
 public:
  /// One collection's documents, or the oplog's entries; whole documents at each call.
  class Stream {
   public:
    virtual ~Stream() = default;
    virtual Status write(ByteView documents) = 0;
    virtual Status finish() = 0;
  };

  virtual ~DumpWriter() = default;
  virtual bool takes_several_streams() const = 0;
  virtual Status begin(const Contents& contents) = 0;
  /// A time-series' documents are those of its system.buckets collection.
  virtual Result<std::unique_ptr<Stream>> open(const bson::Namespace& ns) = 0;
  virtual Status finish() = 0;
  /// What begin() was told of and mongorestore would take for something else.
  virtual std::vector<bson::Namespace> misread() const { return {}; }
  /// Files made so far, an archive counting as one.
  virtual uint64_t files() const = 0;
};

/// Files 0600, folders 0700; all have their places with finish(), and without it nothing is left.
std::unique_ptr<DumpWriter> folder_writer(Directory folder, bool gzip);
/// kUnsupported for a document of more than 16 MiB, which no reader of archives takes.
std::unique_ptr<DumpWriter> archive_writer(Sink sink, bool gzip);

}  // namespace varve::dump
