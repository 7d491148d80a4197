#include "job/backup_moment.h"

#include <fmt/format.h>

#include "job/layout.h"

namespace varve::job {

Result<std::unique_ptr<BackupMoment>> BackupMoment::open(const BackupReader& backup, bson::NamespaceFilter filter,
                                                         const MergeOptions& options, const Cancel& cancel) {
  moment::Options how;
  how.filter = std::move(filter);
  how.memory = options.memory;
  how.spill_folder = options.spill_folder;
  TRY_ASSIGN(auto moment, moment::Moment::open(moment::base_of(backup.manifest()), std::move(how)));
  const uint64_t expected = backup.manifest().oplog_entries;
  uint64_t entries = 0;
  if (expected > 0) {
    TRY_ASSIGN(const auto oplog, backup.node(kOplogFile, cancel));
    const auto take = [&](ByteView entry) {
      ++entries;
      return moment->take(entry);
    };
    TRY(backup.each_document(oplog, 0, oplog.content.size(), take, cancel));
  }
  if (entries != expected) {
    return fail(
        Error(ErrorKind::kCorrupt,
              fmt::format("the oplog of the backup's window has {} entries, not {}, so its moment cannot be "
                          "reached",
                          entries, expected))
            .hint("a repair of the repository left out what was lost; `varve export` writes out what is there"));
  }
  TRY(moment->finish());
  return std::unique_ptr<BackupMoment>(new BackupMoment(backup, std::move(moment)));
}

Result<std::unique_ptr<CollectionReading>> CollectionReading::open(BackupMoment& moment, size_t index,
                                                                   const Cancel& cancel) {
  const auto& collection = moment.collections()[index];
  std::unique_ptr<CollectionReading> reading(new CollectionReading(moment.backup(), collection));
  reading->in_order_ = collection.entry.options.view().truthy("capped");
  if (collection.base) {
    const auto& base = moment.backup().manifest().collections[*collection.base];
    TRY_ASSIGN(reading->file_, moment.backup().data(base, cancel));
  }
  if (!collection.untouched) {
    TRY_ASSIGN(reading->merge_, moment.moment_->merge(index));
    reading->in_order_ |= reading->merge_->in_order();
  }
  return reading;
}

Status CollectionReading::part(size_t first, size_t last, const Visit& visit, const Cancel& cancel) {
  bson::Digest read;
  bson::Digest given;
  moment::Merge::Share share;
  const auto give = [&](ByteView document) -> Status {
    given.add(document);
    return visit(document);
  };
  const auto pass = [&](ByteView document) -> Status {
    read.add(document);
    if (!merge_) return visit(document);
    TRY_ASSIGN(const auto out, merge_->next(document, share));
    return out.empty() ? Status{} : give(out);
  };
  TRY(backup_.each_document(file_, first, last, pass, cancel));
  std::lock_guard lock(mutex_);
  read_ += read;
  change_ += share.change;
  given_ += merge_ ? given : read;
  return {};
}

Status CollectionReading::finish(const Visit& visit, const Cancel& cancel) {
  TRY(check_read());
  if (!merge_) return {};
  const auto give = [&](ByteView document) -> Status {
    TRY(cancel.check());
    given_.add(document);
    return visit(document);
  };
  for (bool again = true; again;) {
    moment::Merge::Share share;
    TRY(merge_->rest(share, give));
    change_ += share.change;
    TRY_ASSIGN(again, merge_->again());
    if (again) TRY(part(0, blobs(), visit, cancel));
  }
  return check_sum();
}

Status CollectionReading::check_read() const {
  if (read_ == collection_.entry.as_read) return {};
  return fail(Error(ErrorKind::kCorrupt, "the backup's documents of " + collection_.entry.ns.text() +
                                             " are not those that its manifest describes")
                  .hint("`varve check --read-data` tells what is damaged"));
}

/// What was given must be what was read, changed as the merger says.
Status CollectionReading::check_sum() const {
  auto expected = collection_.entry.as_read;
  expected += change_;
  if (expected == given_) return {};
  return fail(ErrorKind::kInternal, "merging " + collection_.entry.ns.text() +
                                        " with the oplog gave other documents than it accounted for; please report it");
}

Status read_collection(CollectionReading& reading, const CollectionReading::Visit& visit, const Cancel& cancel) {
  TRY(reading.part(0, reading.blobs(), visit, cancel));
  return reading.finish(visit, cancel);
}

}  // namespace varve::job
