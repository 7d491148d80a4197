#include "job/import.h"

#include <algorithm>

#include <fmt/format.h>

#include "collection/chunker.h"
#include "job/backup_plan.h"
#include "job/import_catalog.h"
#include "job/import_oplog.h"
#include "job/layout.h"
#include "job/snapshot_writer.h"

namespace varve::job {

namespace {

/// What collections that are open at once may hold of chunks that are not complete.
constexpr size_t kMostHeld = 256u << 20;
/// Beside the folders of replica sets: an import says nothing of any.
constexpr std::string_view kFolder = "imported";

class Import {
 public:
  Import(repo::Repository& repository, dump::DumpReader& reader, const ImportOptions& options, Reporter& reporter,
         const Cancel& cancel, const Clock& clock)
      : to_(repository, cancel),
        parents_(to_.size()),
        reader_(reader),
        options_(options),
        reporter_(reporter),
        clock_(clock),
        catalog_(options.filter),
        cut_key_(collection::cut_key(repository.config().polynomial)) {}

  Result<BackupResult> run() {
    const auto& cancel = to_.outer();
    result_.started = clock_.now();
    TRY(catalog_.describe(reader_.contents()));
    TRY_ASSIGN(parent_, find_parent_of_import(to_[0], options_.source, cancel));
    if (parent_) parents_[0] = parent_->snapshot;
    describe_source();
    repo::Writer writer(to_, options_.writer);
    writer_ = &writer;
    TRY(read_everything(cancel));
    TRY(catalog_.check_complete());
    TRY(writer.drain());
    TRY(judge());
    TRY(write_snapshot(writer, cancel));
    return std::move(result_);
  }

 private:
  collection::Manifest& manifest() { return result_.manifest; }

  void describe_source() {
    const auto& contents = reader_.contents();
    auto& m = manifest();
    m.varve_version = options_.program_version;
    m.backup_id = new_backup_id();
    m.source = options_.source;
    m.server_version = contents.server_version;
    m.imported_from = options_.from;
    if (const auto& tool = contents.tool_version; !tool.empty()) {
      m.imported_from += " (" + (tool.starts_with("varve") ? tool : "mongodump " + tool) + ")";
    }
    m.includes = options_.filter.includes();
    m.excludes = options_.filter.excludes();
    if (!parent_) return;
    for (const auto& entry : parent_->manifest.collections) averages_[entry.ns] = entry.average_chunk;
  }

  Status read_everything(const Cancel& cancel) {
    oplog_file_ = std::make_unique<DocumentFile>(*writer_, cut_key_, collection::average_for(0));
    oplog_.emplace(options_.filter, catalog_, *oplog_file_);
    Status refused;
    const auto wanted = [&](const bson::Namespace& ns) {
      if (ns == dump::kOplog || holds_old_indexes(ns)) return true;
      const auto place = catalog_.place_of(ns);
      if (!place && refused) refused = fail(place.error());
      return place && *place;
    };
    dump::DumpReader::Visitor visitor;
    visitor.documents = [&](const bson::Namespace& ns, ByteView documents) -> Status {
      TRY(cancel.check());
      return take(ns, documents);
    };
    visitor.end = [&](const bson::Namespace& ns) { return end(ns); };
    TRY(reader_.read(wanted, visitor));
    TRY(refused);
    return oplog_file_->finish();
  }

  Status take(const bson::Namespace& ns, ByteView documents) {
    DocumentFile* const file = is_collection(ns) ? &file_of(ns) : nullptr;
    const size_t held = file != nullptr ? file->held() : 0;
    bytes_ += documents.size();
    while (const auto size = bson::check_framing(documents)) {
      TRY(take_one(ns, file, documents.first(*size)));
      documents = documents.subspan(*size);
      ++documents_;
    }
    if (file != nullptr) held_ += file->held() - held;
    report(ns);
    return cut_early();
  }

  static bool is_collection(const bson::Namespace& ns) { return ns != dump::kOplog && !holds_old_indexes(ns); }

  Status take_one(const bson::Namespace& ns, DocumentFile* file, ByteView document) {
    if (file != nullptr) return file->add(document);
    return ns == dump::kOplog ? oplog_->take(document) : catalog_.take_old_index(bson::View(document));
  }

  /// Of what the dump calls so; place_of() has taken it already.
  Incoming& incoming(const bson::Namespace& ns) { return catalog_.at(**catalog_.place_of(ns)); }

  DocumentFile& file_of(const bson::Namespace& ns) {
    auto& in = incoming(ns);
    if (!in.file) {
      const auto known = averages_.find(**catalog_.place_of(ns));
      const auto average = known != averages_.end() ? known->second : collection::average_for(0);
      in.file = std::make_unique<DocumentFile>(*writer_, cut_key_, average);
      in.average_chunk = average;
    }
    open_.insert(in.file.get());
    return *in.file;
  }

  /// Users and roles of several databases come in several files, and lie in one.
  Status end(const bson::Namespace& ns) {
    if (!is_collection(ns)) return {};
    if (incoming(ns).type == "view") return {};
    auto& file = file_of(ns);
    held_ -= file.held();
    TRY(file.finish());
    open_.erase(&file);
    incoming(ns).ended = true;
    return {};
  }

  /// An archive's collections take turns, as many as mongodump read at once or somebody wants us to believe.
  Status cut_early() {
    while (held_ > kMostHeld) {
      auto* const largest = *std::ranges::max_element(open_, {}, &DocumentFile::held);
      held_ -= largest->held();
      TRY(largest->finish());
    }
    return {};
  }

  void report(const bson::Namespace& ns) {
    Progress progress;
    progress.action = "import";
    progress.item = ns == dump::kOplog ? "oplog" : ns.text();
    progress.documents = documents_;
    progress.bytes = reader_.bytes_total() > 0 ? reader_.bytes_read() : bytes_;
    progress.bytes_total = reader_.bytes_total();
    const auto stored = writer_->stats();
    progress.bytes_new = stored.plain_bytes_new;
    progress.bytes_known = stored.plain_bytes_known;
    reporter_.progress(progress);
  }

  Status judge() {
    auto& m = manifest();
    oplog_->account(m);
    m.consistency = oplog_->has_moment() ? "window" : "imported";
    for (const auto& [ns, reason] : catalog_.left_out()) m.skipped.push_back({ns, reason, false});
    for (const auto& reason : oplog_->shortfalls()) {
      m.skipped.push_back({"the oplog", reason, true});
      result_.shortfalls.push_back(reason);
    }
    for (const auto& path : reader_.passed_over()) {
      result_.remarks.push_back(path + " is nothing that mongodump writes and was passed over");
    }
    for (auto& [ns, in] : catalog_.all()) {
      if (in.temporary && !oplog_->renames(in.metadata.uuid_hex)) continue;
      m.collections.push_back(entry_for(ns, in));
    }
    if (!m.collections.empty()) return {};
    return fail(ErrorKind::kInvalidInput, options_.filter.takes_all()
                                              ? options_.from + " holds no collections; nothing was saved"
                                              : "the filters take nothing of this dump; nothing was saved");
  }

  collection::CollectionEntry entry_for(const bson::Namespace& ns, const Incoming& in) {
    collection::CollectionEntry entry;
    entry.ns = ns;
    entry.type = in.type;
    entry.uuid = in.metadata.uuid_hex;
    entry.options = in.metadata.options;
    entry.indexes = in.metadata.indexes;
    for (const auto& index : entry.indexes) {
      if (index.view().string("name") == "_id_") entry.id_index = index;
    }
    entry.order = collection::Order::kNatural;
    entry.average_chunk = in.average_chunk;
    entry.how = oplog_->has_moment() ? "window" : "imported";
    if (in.type == "collection" && !in.described && ns == bson::logical(ns) && !is_of_the_server(ns)) {
      entry.note = "the dump has no metadata of it: its options and indexes are not known";
      result_.remarks.push_back(ns.text() + ": " + entry.note);
    }
    if (!in.file) return entry;
    entry.as_read = in.file->digest();
    result_.bytes += entry.as_read.bytes;
    if (!is_of_the_server(ns)) result_.documents += entry.as_read.documents;
    return entry;
  }

  Status write_snapshot(repo::Writer& writer, const Cancel& cancel) {
    SnapshotWriter snapshot(to_, writer, options_.source, std::string(kFolder), parents_,
                            options_.time.value_or(clock_.now()));
    for (const auto& entry : manifest().collections) {
      const auto& in = catalog_.all().at(entry.ns);
      TRY(snapshot.add({entry.ns, entry.type, entry.uuid, entry.options, entry.indexes, in.file.get()}));
    }
    snapshot.add_oplog(oplog_file_->file());
    TRY_ASSIGN(auto saved, snapshot.save(manifest(), options_.tags, result_.started, clock_, cancel));
    note_saved(std::move(saved.snapshots), result_);
    result_.ended = saved.ended;
    return {};
  }

  repo::Destinations to_;
  std::vector<std::optional<repo::Snapshot>> parents_;
  dump::DumpReader& reader_;
  const ImportOptions& options_;
  Reporter& reporter_;
  const Clock& clock_;
  ImportCatalog catalog_;
  const std::array<uint8_t, 16> cut_key_;

  repo::Writer* writer_ = nullptr;
  std::optional<Parent> parent_;
  std::map<bson::Namespace, uint32_t> averages_;  // of the parent's chunks
  std::unique_ptr<DocumentFile> oplog_file_;
  std::optional<ImportOplog> oplog_;
  std::set<DocumentFile*> open_;
  size_t held_ = 0;  // by those
  uint64_t documents_ = 0, bytes_ = 0;
  BackupResult result_;
};

}  // namespace

Result<BackupResult> import_dump(repo::Repository& repository, dump::DumpReader& reader, const ImportOptions& options,
                                 Reporter& reporter, const Cancel& cancel, const Clock& clock) {
  return Import(repository, reader, options, reporter, cancel, clock).run();
}

}  // namespace varve::job
