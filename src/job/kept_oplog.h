#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "job/document_file.h"
#include "job/oplog_filter.h"

namespace varve::job {

/// What a backup keeps of the oplog: entries go through a filter into a file. Those that come after the time at which
/// everything is read wait until it is known whether the moment stays there: in memory, and beyond a limit in a file of
/// their own, which nobody names afterwards if they are not needed. One thread at a time.
class KeptOplog {
 public:
  using NewFile = std::function<std::unique_ptr<DocumentFile>()>;

  KeptOplog(OplogFilter filter, NewFile new_file);

  /// The next entry. `later`: it comes after the time of reading; from the first such on all are.
  Status take(ByteView entry, bool later);
  /// No more entries. `with_later`: the moment has moved to the end, so all of them belong to the backup.
  Status finish(bool with_later);

  /// What the filter found in the entries up to the time of reading; after finish() in all that are kept.
  const OplogFilter& filter() const { return at_time_ ? *at_time_ : filter_; }
  uint64_t entries() const { return entries_; }
  /// After Writer::drain().
  StoredFile file() const;

 private:
  Status keep_later(ByteView entry);
  Status store_later();

  const NewFile new_file_;
  OplogFilter filter_;
  std::optional<OplogFilter> at_time_;  // as it was when the first later entry came
  const std::unique_ptr<DocumentFile> file_;
  std::unique_ptr<DocumentFile> later_file_;
  Bytes later_;  // whole entries, one after the other
  uint64_t entries_ = 0, later_entries_ = 0;
  Bytes scratch_;
};

}  // namespace varve::job
