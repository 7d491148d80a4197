#include "job/new_base.h"

#include <algorithm>

#include <fmt/format.h>

#include "collection/chunker.h"
#include "job/delta_run.h"
#include "job/document_sources.h"
#include "job/layout.h"
#include "job/oplog_filter.h"
#include "job/snapshot_writer.h"
#include "mongo/oplog.h"

namespace varve::job {

namespace {

constexpr uint64_t kLeastToKeep = 1u << 20;      // bytes of a collection below which its changes are not counted
constexpr uint64_t kMostOperations = 1'000'000;  // of a delta run, whose keys are in memory

class NewBase {
 public:
  NewBase(repo::Repository& repository, const ChosenMoment& from, const NewBaseOptions& options, Reporter& reporter,
          const Cancel& cancel, const Clock& clock)
      : to_(repository, cancel),
        from_(from),
        options_(options),
        reporter_(reporter),
        clock_(clock),
        cut_key_(collection::cut_key(repository.config().polynomial)) {}

  Result<BackupResult> run(repo::Repository& repository) {
    const auto& cancel = to_.outer();
    result_.started = clock_.now();
    TRY_ASSIGN(auto backup, BackupReader::open(repository, from_.base.snapshot, cancel));
    backup_.emplace(std::move(backup));
    TRY(check());
    merge_ = options_.memory;
    merge_.later = from_.later;
    TRY_ASSIGN(moment_, BackupMoment::open(*backup_, {}, merge_, cancel));
    TRY(gather_open_parts(cancel));
    describe();
    repo::Writer writer(to_, options_.writer);
    writer_ = &writer;
    for (auto* file : {&deletes_, &oplog_}) {
      *file = std::make_unique<DocumentFile>(writer, cut_key_, collection::average_for(0));
    }
    for (size_t i = 0; i < moment_->collections().size(); ++i) TRY(take(i, cancel));
    TRY(end_oplog());
    TRY(writer.drain());
    TRY(write_snapshot(cancel));
    return std::move(result_);
  }

 private:
  /// A collection on its way into the snapshot.
  struct Taken {
    collection::CollectionEntry entry;
    bson::Digest now;                           ///< of its documents at the moment
    std::unique_ptr<DocumentFile> file;         ///< written anew
    std::optional<StoredFile> data, key_index;  ///< as the base has it
  };

  Status check() const {
    if (from_.base.partial.empty()) return {};
    return fail(Error(ErrorKind::kInvalidInput, fmt::format("snapshot {} {}, and no new base can be made of it",
                                                            from_.base.snapshot.id.short_hex(), from_.base.partial))
                    .hint("a backup of the whole source is what bases are made from"));
  }

  /// Of what was open at the moment the beginning lies before it.
  Status gather_open_parts(const Cancel& cancel) {
    const auto until = from_.later->until;
    const auto one = [&](ByteView entry) -> Status {
      const auto ts = bson::View(entry).timestamp("ts").value_or(bson::Timestamp{});
      if (ts <= last_seen_ || ts > until) return {};
      last_seen_ = ts;
      term_ = mongo::position_of(bson::View(entry)).term;
      return open_.take(entry);
    };
    if (backup_->manifest().oplog_entries > 0) {
      TRY_ASSIGN(const auto oplog, backup_->node(kOplogFile, cancel));
      TRY(backup_->each_document(oplog, 0, oplog.content.size(), one, cancel));
    }
    if (!from_.later->archive) return {};
    const auto take_slice = [&](const StoredSlice& slice) -> Result<bool> {
      if (slice.span.after >= until) return false;
      TRY(from_.later->archive->each_entry(slice, one, cancel));
      TRY_ASSIGN(newest_, from_.later->archive->info(slice, cancel));
      return true;
    };
    return from_.later->archive->each_slice(backup_->manifest().t1, take_slice, cancel);
  }

  /// The operations of the delta runs come first, at times of two seconds before all that the oplog goes on with:
  /// deletes, since what takes their place may want what they had, and then the others.
  void describe() {
    auto& m = result_.manifest;
    m = backup_->manifest();
    m.varve_version = options_.program_version;
    m.backup_id = new_backup_id();
    m.source = options_.source;
    m.member_changes = {
        fmt::format("made of snapshot {} and its oplog, without reading a server", from_.base.snapshot.id.short_hex())};
    m.consistency = "window";
    m.t1 = from_.later->until;
    m.read_at = {};
    m.oplog_entries = m.oplog_changes = 0;
    m.needs_varve.clear();
    m.collections.clear();
    const auto parts = open_.entries();
    auto first = m.t1;
    if (!parts.empty()) first = std::min(first, bson::View(parts.front()).timestamp("ts").value_or(first));
    next_ = {first.seconds - 1, 1};
    next_delete_ = {first.seconds - 2, 1};
    m.oplog_start = m.t0 = {first.seconds - 2, 0};
    if (newest_ && !newest_->server_version.empty()) m.server_version = newest_->server_version;
    if (newest_ && !newest_->fcv.empty()) m.fcv = newest_->fcv;
  }

  Status take(size_t index, const Cancel& cancel) {
    TRY(cancel.check());
    const auto& collection = moment_->collections()[index];
    Taken taken;
    taken.entry = collection.entry;
    taken.entry.how = "window";
    taken.entry.note.clear();
    reporter_.progress(
        {.action = "base", .item = taken.entry.ns.text(), .documents = result_.documents, .bytes = result_.bytes});
    if (taken.entry.type == "collection") TRY(take_documents(index, taken, cancel));
    result_.bytes += taken.now.bytes;
    if (!is_of_the_server(taken.entry.ns)) result_.documents += taken.now.documents;
    taken_.push_back(std::move(taken));
    return {};
  }

  Status take_documents(size_t index, Taken& taken, const Cancel& cancel) {
    const auto& collection = moment_->collections()[index];
    if (collection.base) {
      const auto& base = backup_->manifest().collections[*collection.base];
      if (collection.untouched) return keep_file(base, taken, cancel);
      const bool one_by_one = is_of_the_server(taken.entry.ns) || taken.entry.options.view().truthy("capped");
      if (!one_by_one && base.as_read.bytes > kLeastToKeep) {
        TRY_ASSIGN(const bool kept, keep_with_changes(index, base, taken, cancel));
        return kept ? Status() : write_anew(std::nullopt, taken, cancel);
      }
    }
    return write_anew(index, taken, cancel);
  }

  Status keep_file(const collection::CollectionEntry& base, Taken& taken, const Cancel& cancel) {
    TRY_ASSIGN(const auto data, backup_->data(base, cancel));
    taken.data = StoredFile{data.content, data.size};
    taken.entry.as_read = taken.now = base.as_read;
    if (data.content.size() < 2 || base.uuid.empty()) return {};
    TRY_ASSIGN(const auto index, backup_->node(key_index_file(base.uuid), cancel));
    taken.key_index = StoredFile{index.content, index.size};
    return {};
  }

  /// False if there are too many changes; what was given of them by then does no harm, as they are last states.
  Result<bool> keep_with_changes(size_t index, const collection::CollectionEntry& base, Taken& taken,
                                 const Cancel& cancel) {
    bool too_many = false;
    const auto uuid = from_hex(taken.entry.uuid).value_or(Bytes());
    DeltaRun run(
        [&](char op, bson::View id, bson::View document) { return keep(op, taken.entry.ns, uuid, id, document); });
    TRY_ASSIGN(const auto reading, CollectionReading::open(*moment_, index, cancel));
    const auto visit = [&](ByteView before, ByteView after) -> Status {
      TRY(run.change(before, after));
      too_many = run.unfit() || run.bytes() > base.as_read.bytes / 4 || run.operations() > kMostOperations;
      return too_many ? Status(fail(ErrorKind::kCancelled, "")) : Status();
    };
    const auto all = reading->changes(visit, cancel);
    if (too_many || (all && !*all)) return false;
    TRY(all);
    if (run.operations() > 0) tell_of_order(taken.entry);
    TRY(run.finish());
    TRY(keep_file(base, taken, cancel));
    taken.now = reading->digest();
    return true;
  }

  /// Last states are not in the order in which they came.
  void tell_of_order(const collection::CollectionEntry& entry) {
    const auto unique = [](const bson::Document& index) { return index.view().truthy("unique"); };
    if (!entry.options.view().find("collation") && std::ranges::none_of(entry.indexes, unique)) return;
    result_.manifest.needs_varve.push_back(fmt::format(
        "{} has a collation or a unique index, which may refuse its last states one by one", entry.ns.text()));
  }

  /// By the moment's own reading, which is there once; else by another one.
  Status write_anew(std::optional<size_t> index, Taken& taken, const Cancel& cancel) {
    taken.file = std::make_unique<DocumentFile>(*writer_, cut_key_, taken.entry.average_chunk);
    const auto add = [&](ByteView document) { return taken.file->add(document); };
    if (index) {
      TRY_ASSIGN(const auto reading, CollectionReading::open(*moment_, *index, cancel));
      TRY(read_collection(*reading, add, cancel));
    } else {
      TRY(documents_of(*backup_, taken.entry.ns, merge_)(add, cancel));
    }
    TRY(taken.file->finish());
    taken.entry.as_read = taken.now = taken.file->digest();
    taken.entry.order = collection::Order::kNatural;
    return {};
  }

  Status keep(char op, const bson::Namespace& ns, ByteView uuid, bson::View id, bson::View document) {
    bson::Builder entry;
    entry.add("op", std::string_view(&op, 1)).add("ns", ns.text());
    if (!uuid.empty()) entry.add_uuid("ui", uuid);
    entry.add("o", op == 'd' ? id : document);
    if (op == 'u') entry.add("o2", id);
    auto& next = op == 'd' ? next_delete_ : next_;
    entry.add("ts", next).add("t", term_).add("v", int64_t{2});
    ++next.increment;
    ++result_.manifest.oplog_changes;
    return add_entry(entry.finish().bytes(), op == 'd' ? *deletes_ : *oplog_);
  }

  Status add_entry(ByteView entry, DocumentFile& file) {
    auto& m = result_.manifest;
    ++m.oplog_entries;
    const bool large = entry.size() > kLargestReplayable;
    if (large && m.needs_varve.empty()) m.needs_varve.emplace_back("an oplog entry is larger than a server takes back");
    return file.add(entry);
  }

  Status end_oplog() {
    for (const auto& part : open_.entries()) TRY(add_entry(part, *oplog_));
    TRY(deletes_->finish());
    return oplog_->finish();
  }

  /// Of what it holds: one of an older moment must not count as the newest.
  Time time() const { return std::min(clock_.now(), Time(std::chrono::seconds(result_.manifest.t1.seconds))); }

  Status write_snapshot(const Cancel& cancel) {
    const std::vector<std::optional<repo::Snapshot>> parents = {from_.base.snapshot};
    SnapshotWriter snapshot(to_, *writer_, options_.source, set_folder(result_.manifest.set_name), parents, time());
    for (auto& taken : taken_) {
      const auto& entry = taken.entry;
      const SnapshotWriter::Collection collection{entry.ns,      entry.type,    entry.uuid,
                                                  entry.options, entry.indexes, taken.file.get()};
      TRY(taken.data ? snapshot.add_stored(collection, std::move(*taken.data), std::move(taken.key_index))
                     : snapshot.add(collection));
      result_.manifest.collections.push_back(entry);
    }
    auto oplog = deletes_->file();
    const auto changes = oplog_->file();
    oplog.blobs.insert(oplog.blobs.end(), changes.blobs.begin(), changes.blobs.end());
    oplog.size += changes.size;
    snapshot.add_oplog(std::move(oplog));
    for (const auto& missing : moment_->missing()) {
      result_.manifest.skipped.push_back({"the moment", missing, true});
      result_.shortfalls.push_back(missing);
    }
    TRY_ASSIGN(auto saved, snapshot.save(result_.manifest, options_.tags, result_.started, clock_, cancel));
    note_saved(std::move(saved.snapshots), result_);
    result_.ended = saved.ended;
    return {};
  }

  repo::Destinations to_;
  const ChosenMoment& from_;
  const NewBaseOptions& options_;
  Reporter& reporter_;
  const Clock& clock_;
  const std::array<uint8_t, 16> cut_key_;

  std::optional<BackupReader> backup_;
  MergeOptions merge_;
  std::unique_ptr<BackupMoment> moment_;
  OpenParts open_;
  std::optional<collection::SliceInfo> newest_;  // of the slices up to the moment
  bson::Timestamp last_seen_, next_, next_delete_;
  int64_t term_ = -1;
  repo::Writer* writer_ = nullptr;
  std::unique_ptr<DocumentFile> deletes_, oplog_;  // the latter for all others
  std::vector<Taken> taken_;
  BackupResult result_;
};

}  // namespace

Result<BackupResult> new_base(repo::Repository& repository, const ChosenMoment& from, const NewBaseOptions& options,
                              Reporter& reporter, const Cancel& cancel, const Clock& clock) {
  return NewBase(repository, from, options, reporter, cancel, clock).run(repository);
}

}  // namespace varve::job
