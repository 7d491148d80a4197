#include "job/backup_moment.h"

#include <algorithm>

#include <fmt/format.h>

#include "job/layout.h"

namespace varve::job {

namespace {

/// What the backup left out stays left out, whatever becomes of it since.
Result<std::optional<OplogFilter>> filter_of(const collection::Manifest& manifest) {
  TRY_ASSIGN(auto selected, bson::NamespaceFilter::make(manifest.includes, manifest.excludes));
  if (selected.takes_all()) return std::nullopt;
  OplogFilter filter(std::move(selected), "before that moment");
  for (const auto& entry : manifest.collections) {
    const auto uuid = from_hex(entry.uuid);
    if (uuid && !uuid->empty()) filter.know(*uuid, entry.ns, true);
  }
  return std::optional(std::move(filter));
}

}  // namespace

Result<std::unique_ptr<BackupMoment>> BackupMoment::open(const BackupReader& backup, bson::NamespaceFilter filter,
                                                         const MergeOptions& options, const Cancel& cancel) {
  const auto& manifest = backup.manifest();
  const auto* later = options.later.get();
  moment::Options how;
  how.filter = std::move(filter);
  how.memory = options.memory;
  how.spill_folder = options.spill_folder;
  if (later != nullptr) how.until = later->until;
  std::unique_ptr<BackupMoment> opened(new BackupMoment(backup));
  TRY_ASSIGN(opened->moment_, moment::Moment::open(moment::base_of(manifest), std::move(how)));
  if (later != nullptr) {
    TRY_ASSIGN(opened->filter_, filter_of(manifest));
  }
  opened->time_ = later != nullptr ? later->until : manifest.t1;
  TRY(opened->take_window(cancel));
  if (later != nullptr && later->archive) TRY(opened->take_archive(*later, cancel));
  TRY(opened->moment_->finish());
  const auto& account = opened->moment_->account();
  opened->missing_ = account.missing;
  std::ranges::copy(opened->incomplete_, std::back_inserter(opened->missing_));
  if (later != nullptr && account.undecided > 0) {
    opened->missing_.push_back(fmt::format(
        "{} transactions were prepared at that moment, and the archive does not tell whether they were committed at or "
        "before it: they are left out",
        account.undecided));
  }
  return opened;
}

Status BackupMoment::take(ByteView entry) {
  // After the moment only the ends of transactions count, and it must be seen that it has passed.
  if (!filter_ || bson::View(entry).timestamp("ts") > time_) return moment_->take(entry);
  TRY(filter_->take(entry, scratch_));
  incomplete_ = filter_->incomplete();
  return scratch_.empty() ? Status() : moment_->take(scratch_);
}

Status BackupMoment::take_window(const Cancel& cancel) {
  const uint64_t expected = backup_.manifest().oplog_entries;
  uint64_t entries = 0;
  if (expected > 0) {
    TRY_ASSIGN(const auto oplog, backup_.node(kOplogFile, cancel));
    const auto one = [&](ByteView entry) {
      ++entries;
      return take(entry);
    };
    TRY(backup_.each_document(oplog, 0, oplog.content.size(), one, cancel));
  }
  if (entries == expected) return {};
  return fail(Error(ErrorKind::kCorrupt,
                    fmt::format("the oplog of the backup's window has {} entries, not {}, so its moment cannot be "
                                "reached",
                                entries, expected))
                  .hint("a repair of the repository left out what was lost; `varve export` writes out what is there"));
}

/// Each slice begins with the last entry of the one before, and what is in the window comes again.
Status BackupMoment::take_archive(const LaterOplog& later, const Cancel& cancel) {
  bson::Timestamp reached = backup_.manifest().t1;
  const auto one = [&](ByteView entry) -> Status {
    const auto ts = *bson::View(entry).timestamp("ts");
    if (ts <= reached || moment_->enough()) return {};
    reached = ts;
    return take(entry);
  };
  const auto take_slice = [&](const StoredSlice& slice) -> Result<bool> {
    if (slice.span.after > reached) return false;  // a gap
    TRY(later.archive->each_entry(slice, one, cancel));
    return !moment_->enough();
  };
  TRY(later.archive->each_slice(reached, take_slice, cancel));
  if (reached >= later.until || moment_->enough()) return {};
  return fail(ErrorKind::kInconsistent, fmt::format("the archive has nothing between {} and {}, where the moment is",
                                                    reached.text(), later.until.text()));
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

Result<bool> CollectionReading::changes(const VisitChange& visit, const Cancel& cancel) {
  moment::Merge::Share share;
  const auto pass = [&](ByteView document) -> Status {
    read_.add(document);
    TRY_ASSIGN(const auto out, merge_->next(document, share));
    if (!out.empty()) given_.add(out);
    // One that nothing changed comes out as itself, one that changed back as another.
    return out.data() == document.data() ? Status() : visit(document, out);
  };
  TRY(backup_.each_document(file_, 0, blobs(), pass, cancel));
  TRY(check_read());
  const auto give = [&](ByteView document) -> Status {
    given_.add(document);
    return visit({}, document);
  };
  TRY(merge_->rest(share, give));
  change_ += share.change;
  TRY_ASSIGN(const bool again, merge_->again());
  if (again) return false;
  TRY(check_sum());
  return true;
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
