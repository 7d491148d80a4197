#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dump/writer.h"
#include "job/backup_moment.h"

namespace varve::job {

/// Bytes that something takes at least and at most, about.
struct Room {
  uint64_t least = 0, most = 0;
};

/// What an export writes: a backup as it was read, or as it was at its moment. Thread-safe after it was made.
class ExportSource {
 public:
  struct Item {
    bson::Namespace ns;  ///< of the documents: a time-series' are in system.buckets.X
    uint64_t bytes = 0;  ///< about
  };
  using Visit = std::function<Status(ByteView whole_documents)>;

  virtual ~ExportSource() = default;
  virtual Result<dump::Contents> contents(const Cancel& cancel) const = 0;
  /// Everything with documents, each to be read once.
  virtual const std::vector<Item>& items() const = 0;
  virtual Status read(size_t item, const Visit& visit, const Cancel& cancel) const = 0;
  virtual uint64_t oplog_bytes() const = 0;
  /// What all of it takes, not compressed.
  virtual Room room() const = 0;
  virtual Status read_oplog(const Visit& visit, const Cancel& cancel) const = 0;
  /// What the backup no longer holds, or never held, and so the export neither, and why mongorestore would not reach
  /// its moment; after everything was read.
  virtual std::vector<std::string> losses(const Cancel& cancel) const = 0;
};

/// As it was read, and the operations of the window. Of a snapshot that a repair left incomplete, what is there.
Result<std::unique_ptr<ExportSource>> as_read(const BackupReader& backup, const Cancel& cancel);
/// The final documents and no operations. An incomplete snapshot is an error of read().
Result<std::unique_ptr<ExportSource>> as_merged(const BackupReader& backup, const MergeOptions& merge,
                                                const Cancel& cancel);

}  // namespace varve::job
