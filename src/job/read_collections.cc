#include "job/read_collections.h"

#include <atomic>

#include "job/workers.h"
#include "mongo/cursor.h"

namespace varve::job {

std::string_view text_of(How how) {
  switch (how) {
    case How::kWindow:
      return "window";
    case How::kSnapshot:
      return "snapshot";
    case How::kFallBack:
      return "fallback";
  }
  return "";
}

/// What the readers share.
struct CollectionReaders::Work {
  const ReadOptions options;
  repo::Writer& writer;
  Reporter& reporter;
  std::vector<ReadCollection> collections{};
  uint64_t bytes_total = 0;
  std::atomic<uint64_t> documents{0}, bytes{0}, done{0};
  std::atomic<bool> too_old{false};  // so nothing more can be read at that time
};

namespace {

mongo::ReadSpec spec_for(const PlannedCollection& plan, bool majority) {
  mongo::ReadSpec spec;
  spec.db = plan.info.ns.db;
  spec.collection = plan.info.ns.collection;
  spec.uuid = plan.info.uuid;
  spec.majority = majority;
  return spec;
}

constexpr int kBegunAgain = 5;  ///< times, where a capped collection is written to faster than it is read
constexpr const char* kTooOld = "the server no longer had its state of that time";

std::string reason_of(const Error& refusal) {
  if (mongo::Cursor::too_old(refusal)) return kTooOld;
  if (mongo::Cursor::vanished(refusal)) return "dropped, renamed or changed since";
  return refusal.message();
}

}  // namespace

class CollectionReaders::Reader {
 public:
  Reader(Work& work, mongo::Connection& connection, const Cancel& cancel)
      : work_(work), connection_(connection), cancel_(cancel) {}

  Status read(ReadCollection& collection, const std::optional<ReadTime>& at) {
    if (collection.plan.info.has_data()) TRY(at ? read_at(collection, *at) : read_as_it_comes(collection));
    ++work_.done;
    return {};
  }

 private:
  Status read_at(ReadCollection& collection, const ReadTime& at) {
    collection.how = How::kSnapshot;
    if (at.was_dropped(collection.plan.info.uuid)) return nothing_of(collection, "dropped before it was read");
    collection.refusal = kTooOld;
    if (!work_.too_old) {
      auto spec = spec_for(collection.plan, work_.options.majority);
      spec.at = at.time;
      const auto status = read_documents(collection, spec);
      if (status) {
        collection.refusal.clear();
        return {};
      }
      if (!mongo::Cursor::refused_at_time(status.error())) return status;
      if (mongo::Cursor::too_old(status.error())) work_.too_old = true;
      collection.refusal = reason_of(status.error());
    }
    collection.how = How::kFallBack;
    TRY(read_as_it_comes(collection));
    if (collection.note.empty()) collection.note = "read over a window: " + collection.refusal;
    return {};
  }

  Status read_as_it_comes(ReadCollection& collection) {
    auto status = read_documents(collection, spec_for(collection.plan, work_.options.majority));
    for (int again = 0; !status && mongo::Cursor::overtaken(status.error()) && again < kBegunAgain; ++again) {
      status = read_documents(collection, spec_for(collection.plan, work_.options.majority));
    }
    if (status || !mongo::Cursor::vanished(status.error())) return status;
    collection.gone = true;
    const std::string note = "dropped or renamed while it was read (" + status.error().message() + ")";
    if (!collection.file) return nothing_of(collection, note);
    collection.note = note;
    return collection.file->finish();
  }

  Status nothing_of(ReadCollection& collection, std::string note) {
    collection.note = std::move(note);
    return begin_file(collection).finish();
  }

  DocumentFile& begin_file(ReadCollection& collection) {
    auto& options = work_.options;
    collection.file = std::make_unique<DocumentFile>(work_.writer, options.cut_key, collection.plan.average_chunk);
    return *collection.file;
  }

  /// All of it, from the start. What was counted of a reading that fails does not count.
  Status read_documents(ReadCollection& collection, mongo::ReadSpec spec) {
    collection.file.reset();
    TRY(decide_order(spec, collection.plan));
    auto& file = begin_file(collection);
    const auto status = read_cursor(spec, file, collection.plan.info);
    if (status) return {};
    work_.documents -= file.digest().documents;
    work_.bytes -= file.digest().bytes;
    return status;
  }

  Status decide_order(mongo::ReadSpec& spec, PlannedCollection& plan) {
    if (!plan.order) {
      TRY_ASSIGN(const bool follows, mongo::id_follows_natural_order(connection_, spec, cancel_));
      plan.order = follows ? collection::Order::kId : collection::Order::kNatural;
    }
    spec.order = *plan.order == collection::Order::kId ? mongo::ReadOrder::kId : mongo::ReadOrder::kNatural;
    return {};
  }

  /// A capped collection is paid for in the end: while its cursor waits, its documents are pushed out.
  Status read_cursor(const mongo::ReadSpec& spec, DocumentFile& file, const mongo::CollectionInfo& info) {
    const bool capped = info.options.view().truthy("capped");
    TRY_ASSIGN(auto cursor, mongo::Cursor::open(connection_, spec, cancel_));
    bson::Digest counted;
    Status status;
    for (bool more = true; more && status;) {
      auto next = cursor.next([&](ByteView document) { return file.add(document); }, cancel_);
      if (next) more = *next;
      if (!next) status = fail(std::move(next).error());
      work_.documents += file.digest().documents - counted.documents;
      const uint64_t came = file.digest().bytes - counted.bytes;
      work_.bytes += came;
      counted = file.digest();
      report(info.ns.text());
      const uint64_t due = capped ? (more ? 0 : counted.bytes) : came;
      if (status && work_.options.limit && due > 0) status = work_.options.limit->pay(due, cancel_);
    }
    return status ? file.finish() : status;
  }

  void report(const std::string& name) {
    Progress progress;
    progress.action = "backup";
    progress.item = name;
    progress.documents = work_.documents;
    progress.bytes = work_.bytes;
    progress.bytes_total = work_.bytes_total;
    progress.items = work_.done;
    progress.items_total = work_.collections.size();
    const auto stored = work_.writer.stats();
    progress.bytes_new = stored.plain_bytes_new;
    progress.bytes_known = stored.plain_bytes_known;
    work_.reporter.progress(progress);
  }

  Work& work_;
  mongo::Connection& connection_;
  const Cancel& cancel_;
};

CollectionReaders::CollectionReaders(std::vector<PlannedCollection> plan, ReadOptions options, repo::Writer& writer,
                                     Reporter& reporter)
    : work_(new Work{std::move(options), writer, reporter}) {
  for (auto& planned : plan) {
    work_->bytes_total += planned.info.bytes;
    work_->collections.push_back({.plan = std::move(planned)});
  }
}

CollectionReaders::~CollectionReaders() = default;

Status CollectionReaders::read(const Which& which, const std::optional<ReadTime>& at, const Cancel& cancel) {
  std::vector<ReadCollection*> picked;
  for (auto& collection : work_->collections) {
    if (which(collection.plan)) picked.push_back(&collection);
  }
  const auto step = [&](mongo::Connection& connection, size_t index, const Cancel& stop) {
    return Reader(*work_, connection, stop).read(*picked[index], at);
  };
  return for_each_connected(work_->options.uri, work_->options.readers, picked.size(), step, cancel);
}

std::vector<ReadCollection>& CollectionReaders::collections() {
  return work_->collections;
}

uint64_t CollectionReaders::bytes_total() const {
  return work_->bytes_total;
}

}  // namespace varve::job
